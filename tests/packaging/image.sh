# Runs a program as a container engine does: as process 1, without privileges, in a root that holds
# nothing but the image and cannot be written, beside a volume that cannot be written either.
#
# Started as `unshare --mount --pid --net --fork --kill-child sh image.sh FOLDER USER PROGRAM ARG…`,
# with the environment of the image; FOLDER holds `root` and `data`.
set -e
cd "$1"
user=$2
shift 2
mount --make-rprivate /
mount --bind root root
mount -t proc proc root/proc
mount --bind data root/data
mount -o remount,bind,ro root/data
mount -o remount,bind,ro root
ip link set lo up
exec chroot --userspec="$user:$user" --groups= root "$@"
