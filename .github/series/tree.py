import os,sys
out=sys.argv[1]; os.makedirs(out)
n=100_000
for i in range(n):
    r=i//200
    top=f'{out}/releases/{30+r%12}/Everything/x86_64/os-{r}'
    if i%200==0:
        os.makedirs(top+'/repodata')
        open(top+'/repodata/repomd.xml','w').write(f'<?xml version="1.0"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>{r}</revision></repomd>\n')
    d=f'{top}/Packages/{i%200:03}'; os.makedirs(d)
    for f in range(3): open(f'{d}/package-with-a-usual-name-{i}-{f}.fc41.x86_64.rpm','w').close()
