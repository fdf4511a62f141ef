# Makes a scratch host: a copy of this one that is thrown away, with its own processes, network, host
# name and control groups, and systemd as its first process. Nothing in it changes this host: files go
# to an overlay in memory, and /sys and /proc/sys are read-only.
#
# Started as `unshare --mount sh host.sh FOLDER`. Prints the number of the first process; ends when
# stdin does.
set -e
base=$1
mount --make-rprivate /
mount -t tmpfs -o mode=0755 scratch "$base"
cd "$base"
mkdir upper work root cgroup
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work scratch root
mount -t cgroup2 cgroup2 cgroup
group=cgroup/mirrorlistd-test-$$
mkdir "$group"

cat > inside.sh <<'INSIDE'
set -e
cd root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=0755 tmpfs dev
for device in null zero full random urandom tty; do cp -a /dev/$device dev/; done
mkdir dev/pts dev/shm dev/mqueue
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
# An identity of its own, a journal in memory, and nothing started but what mirrorlistd asks for.
tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id
rm -rf var/log/journal
printf '[Unit]\nRequires=sysinit.target dbus.socket\nAfter=sysinit.target\n' > etc/systemd/system/scratch.target
pivot_root . mnt
cd /
umount -l /mnt
exec env -i PATH="$PATH" container=scratch /lib/systemd/systemd --unit=scratch.target \
    --log-target=journal --show-status=no </dev/null >/dev/null 2>&1
INSIDE

sh -c 'echo $$ > "$1/cgroup.procs"; exec unshare --mount --pid --net --ipc --uts --cgroup --fork \
    --kill-child sh inside.sh' sh "$group" </dev/null 2>stderr &
child=$!
until init=$(cat /proc/$child/task/$child/children 2>/dev/null) && [ -n "$init" ]; do
    kill -0 $child || { cat stderr >&2; exit 1; }
    sleep 0.02
done
echo $init
read -r _ || true
exec 2>/dev/null
# All others end with the first process; unshare reports that they have.
kill -KILL $init
wait $child || true
# What is left of its control groups, the innermost first.
find "$group" -depth -type d -exec rmdir {} \; || true
[ ! -e "$group" ]
