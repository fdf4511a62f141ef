import sys

import librepo

kind, url, timeout = sys.argv[1:4]
handle = librepo.Handle()
handle.repotype = librepo.YUMREPO
if kind == "metalink":
    handle.metalinkurl = url
else:
    handle.mirrorlisturl = url
handle.lowspeedtime = int(timeout)
handle.connecttimeout = int(timeout)
handle.destdir = "."
if sys.argv[4:] == ["list"]:
    handle.fetchmirrors = True
result = librepo.Result()
handle.perform(result)
if not handle.fetchmirrors:
    print("revision", result.yum_repomd["revision"])
for mirror in handle.mirrors:
    print("mirror", mirror)
