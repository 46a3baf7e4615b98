#!/bin/sh
# What kvmctl does, on a real libvirtd with QEMU: `make demo` runs this in a sandbox (kvmctl sandbox -- sh manifests/demo.sh).
set -eu
cd "$(dirname "$0")"

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '$ %s\n' "$*"; "$@"; }
expect() { # expect CODE COMMAND...: run it and insist on its exit code
  want=$1; shift; printf '$ %s\n' "$*"; got=0; "$@" || got=$?
  printf '(exit code %s)\n' "$got"; [ "$got" = "$want" ] || { echo "demo: expected exit code $want" >&2; exit 1; }
}

say 'The manifests: a pool, a disk made from a raw image, and a machine that boots from it'
run cat raw-to-qcow2.yaml
run kvmctl validate -f raw-to-qcow2.yaml

say 'What would be done'
run kvmctl plan -f raw-to-qcow2.yaml

say 'Do it: the raw image becomes qcow2, the machine is defined and started'
run kvmctl apply -f raw-to-qcow2.yaml --yes

say 'The guest booted from its disk; this is its serial port'
log=/var/lib/libvirt/images/imported/hello.log
for _ in $(seq 100); do grep -q hello "$log" && break; sleep 0.1; done
run cat "$log"
run virsh list --all
run kvmctl image info --format qcow2 /var/lib/libvirt/images/imported/hello.qcow2

say 'A second plan is empty'
expect 0 kvmctl plan -f raw-to-qcow2.yaml --detailed-exitcode

say 'Somebody uses virsh behind our back'
run virsh autostart --disable hello
run virsh suspend hello

say 'and drift names it'
expect 2 kvmctl drift -f raw-to-qcow2.yaml

say 'Put it right, without disturbing the guest'
run kvmctl apply -f raw-to-qcow2.yaml --yes
expect 0 kvmctl drift -f raw-to-qcow2.yaml

say 'Remove the machine: the guest is shut down properly, and its disk stays'
run kvmctl delete vm/hello --yes
run kvmctl get disk

say 'The image goes only where losing data was allowed'
expect 3 kvmctl delete disk/hello.qcow2 --yes
run kvmctl delete disk/hello.qcow2 --yes --allow-data-loss

say 'That was all of it'
