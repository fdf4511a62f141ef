import sys

import librepo

kind, url = sys.argv[1:3]
handle = librepo.Handle()
handle.repotype = librepo.YUMREPO
if kind == "metalink":
    handle.metalinkurl = url
else:
    handle.mirrorlisturl = url
handle.lowspeedtime = 3
handle.connecttimeout = 3
handle.destdir = "."
if sys.argv[3:] == ["list"]:
    handle.fetchmirrors = True
result = librepo.Result()
handle.perform(result)
for mirror in handle.mirrors:
    print("mirror", mirror)
