"""The files that make a sandbox: libvirt's configuration and the script that runs as its first process."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SOCKET = "/run/libvirt/libvirt-sock"
LIBVIRTD_LOG = "var/log/libvirt/libvirtd.log"
CAPABILITIES = "var/cache/libvirt/qemu/capabilities"
IMAGES = "var/lib/libvirt/images"
START_LOG = "start.log"
NO_KVM = "no-kvm"
INIT = "init"
CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpuset", "memory", "blkio")

# Each is a folder of the sandbox's own, mounted over the machine's. swtpm keeps its log and its certificate
# authority outside libvirt's folders (swtpm-localca(8)).
PRIVATE_FOLDERS = (
    "etc/libvirt",
    "run/libvirt",
    "var/cache/libvirt",
    "var/lib/libvirt",
    "var/lib/swtpm-localca",
    "var/log/libvirt",
    "var/log/swtpm",
)

# https://libvirt.org/manpages/libvirtd.html. Every sandbox needs a host UUID of its own: libvirt takes it
# from the machine's firmware and refuses to migrate between two hosts that have the same one.
_LIBVIRTD_CONF = """\
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
audit_level = 0
log_outputs = "3:file:/{log}"
host_uuid = "{host_uuid}"
"""

# https://libvirt.org/drvqemu.html. Guests run as root with its capabilities and libvirt leaves the owner of
# image files alone: a sandbox uses files of the machine, and must not leave them with another owner. There
# is no virtlogd in it, and QEMU needs no mount namespace inside the one that it is in already.
_QEMU_CONF = """\
user = "root"
group = "root"
swtpm_user = "root"
swtpm_group = "root"
dynamic_ownership = 0
remember_owner = 0
clear_emulator_capabilities = 0
cgroup_controllers = [{controllers}]
namespaces = []
security_driver = "none"
stdio_handler = "file"
"""

# The first process of the sandbox's process namespace: when it ends, the kernel ends all others. It ends when
# its standard input does, which is a pipe that only the process that made the sandbox holds. It says its
# process number as the machine sees it (/proc is still the machine's then), and later whether libvirtd ended.
# /sys is mounted anew because it shows the network interfaces of the namespace that mounted it, and libvirt
# sets up bridges there. /dev/kvm becomes an empty file that is read-only, which root can't write to either:
# where access(2) allows it, libvirt 9.0 takes what it knows about an emulator without KVM as outdated and
# asks anew at each call. `wait` also collects the daemons that lost their parent.
_INIT_SCRIPT = """\
set -eu
root=$1 name=$2 keep_kvm=$3
shift 3
read -r pid rest </proc/self/stat
exec 3<&0 </dev/null
mount -t proc proc /proc
mount -t sysfs sysfs /sys
if [ "$CONTROLLERS" ]; then
  mount -t tmpfs tmpfs /sys/fs/cgroup
  for controller in $CONTROLLERS; do
    mkdir "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller"
  done
fi
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
for folder; do
  mkdir -p "/$folder"
  mount --bind "$root/$folder" "/$folder"
done
if [ "$keep_kvm" = no ] && [ -e /dev/kvm ]; then
  mount --bind "$root/no-kvm" /dev/kvm
  mount -o remount,bind,ro /dev/kvm
fi
echo "$name" >/proc/sys/kernel/hostname
ip link set lo up
echo "started $pid"
{
  set +e
  libvirtd --pid-file /run/libvirt/libvirtd.pid >>"$root/start.log" 2>&1 3<&-
  echo "ended $?"
} &
cat <&3 >/dev/null &
wait $!
"""

# What runs outside. Where control groups are wanted, it makes one for the sandbox below each controller, which the
# namespace then takes for the root: libvirt's own are below it, and go with it. A cpuset takes no process before it has
# CPUs and memory nodes. It waits for the sandbox, says that it has ended, and once nobody listens any more
# removes its folder, from where no mount made inside can be seen. It says so in a subshell, since nobody may
# listen already and the signal for that would end it.
KEEPER_SCRIPT = """\
root=$0 cgroup=${0##*/}
for controller in $CONTROLLERS; do
  mkdir "/sys/fs/cgroup/$controller/$cgroup"
  if [ "$controller" = cpuset ]; then
    for part in cpus mems; do
      cat "/sys/fs/cgroup/cpuset/cpuset.$part" >"/sys/fs/cgroup/cpuset/$cgroup/cpuset.$part"
    done
  fi
  echo $$ >"/sys/fs/cgroup/$controller/$cgroup/cgroup.procs"
done
unshare ${CONTROLLERS:+--cgroup} --mount --net --uts --ipc --pid --fork --kill-child -- sh "$root/init" "$@"
(echo "ended $?")
cat >/dev/null
for controller in $CONTROLLERS; do
  echo $$ >"/sys/fs/cgroup/$controller/cgroup.procs"
  find "/sys/fs/cgroup/$controller/$cgroup" -depth -type d -exec rmdir {} +
done
rm -rf --one-file-system -- "$root"
"""


def furnish(root: Path, qemu_conf: str = "", controllers: Sequence[str] = ()) -> None:
    """Write all that a sandbox needs below `root`, an existing empty folder; `qemu_conf` goes below qemu.conf.

    `controllers` are those of cgroups that libvirt uses.
    """
    for folder in (*PRIVATE_FOLDERS, CAPABILITIES, IMAGES):
        (root / folder).mkdir(parents=True, exist_ok=True)
    conf = _LIBVIRTD_CONF.format(log=LIBVIRTD_LOG, host_uuid=uuid.uuid4())
    (root / "etc/libvirt/libvirtd.conf").write_text(conf)
    (root / "etc/libvirt/qemu.conf").write_text(
        _QEMU_CONF.format(controllers=", ".join(f'"{each}"' for each in controllers)) + qemu_conf
    )
    (root / INIT).write_text(_INIT_SCRIPT)
    (root / START_LOG).touch()
    (root / NO_KVM).touch()


def last_words(root: Path, lines: int = 12) -> str:
    """Return the last lines that the start and libvirtd wrote, for an error message; empty without any."""
    logs = (root / START_LOG, root / LIBVIRTD_LOG)
    said = [line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines() if line]
    return "\n".join(said[-lines:])
