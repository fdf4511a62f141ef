"""Time from a change of a large tree to the served answer."""
import os, subprocess, sys, time, urllib.request, json, pathlib, signal, shutil
prog, work, tree = sys.argv[1:4]
N = 500
work = pathlib.Path(work); shutil.rmtree(work, ignore_errors=True); work.mkdir()
text = '[distribution]\nname = "Large"\n'
for n in range(N + 3):
    text += f'\n[[repository]]\nname = "os-{n}"\nversions = ["{30 + n % 12}"]\narches = ["x86_64"]\npath = "releases/{{version}}/Everything/{{arch}}/{{name}}"\n'
for n in range(300):
    text += f'\n[[mirror]]\nkey = "m{n}"\nurls = ["https://m{n}.example/pub"]\ncountry = "{["DE","FR","US","JP","BR"][n%5]}"\n'
(work/'catalog.toml').write_text(text)
(work/'c.toml').write_text(f'''catalog = "{work}/catalog.toml"
index = "{work}/primary.index"
watch_quiet = 1
listen = "127.0.0.1"
port = 3917
[control]
state = "{work}/state"
tree = "{tree}"
[admin]
listen = "unix:{work}/sock"
''')
err = open(work/'stderr','w')
p = subprocess.Popen([prog,'serve','--config',str(work/'c.toml')],stderr=err,stdout=subprocess.DEVNULL)
def get(t):
    try: return urllib.request.urlopen('http://127.0.0.1:3917'+t, timeout=5).read().decode()
    except Exception as e: return ''
def metalink(n): return get(f'/metalink?repo=os-{n}-{30+n%12}&arch=x86_64')
def wait(what, f, limit=120):
    t=time.time()
    while not f():
        if time.time()-t>limit: print('in vain:',what); p.terminate(); sys.exit(1)
        time.sleep(0.05)
    return time.time()-t
try:
    print('start to first metalink', round(wait('first', lambda: 'sha256' in metalink(0)),1))
    time.sleep(20)
    data = '<?xml version="1.0"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>%d</revision></repomd>\n'
    for turn in range(3):
        # a known repository changes
        f = f'{tree}/releases/{30+turn}/Everything/x86_64/os-{turn}/repodata/repomd.xml'
        before = metalink(turn)
        open(f+'.new','w').write(data % (turn+1000+int(time.time()))); os.rename(f+'.new', f)
        print('known changes', round(wait('known', lambda: metalink(turn) != before and 'sha256' in metalink(turn)),1), flush=True)
        time.sleep(12)
        n = N+turn
        d = f'{tree}/releases/{30+n%12}/Everything/x86_64/os-{n}/repodata'
        shutil.rmtree(os.path.dirname(d), ignore_errors=True)
        os.makedirs(d); open(d+'/repomd.xml.new','w').write(data % turn); os.rename(d+'/repomd.xml.new', d+'/repomd.xml')
        print('new repository', round(wait('new', lambda: 'sha256' in metalink(n)),1), flush=True)
        time.sleep(12)
        # in steps, as by hand
        n = N+turn
        shutil.rmtree(os.path.dirname(d)); 
        print('gone', round(wait('gone', lambda: 'sha256' not in metalink(n)),1), flush=True)
        time.sleep(12)
finally:
    p.terminate(); p.wait()
    cpu = os.times()
    print('cpu of the server, s', round(cpu.children_user+cpu.children_system,1))
