# SPDX-License-Identifier: Apache-2.0
"""A whole machine behind a vhost-user port: QEMU without KVM, with a distribution's kernel and BusyBox.

The kernel is the newest that is installed (/boot, /lib/modules), or that WEFT_GUEST_ROOT has under it: a folder
with an unpacked kernel package. What is needed besides: qemu-system-x86, busybox-static, cpio. Its memory is a
memfd, so no huge pages are needed. Commands go over its serial line to a shell.
"""
import glob
import os
import shutil
import socket
import subprocess
import time

from .wait import wait_until

ROOT = os.environ.get('WEFT_GUEST_ROOT', '/')
MODULES = ('virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci', 'failover',
           'net_failover', 'virtio_net')
INIT = '''#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for m in /modules/*.ko; do insmod $m; done
ip link set lo up
stty -F /dev/ttyS0 raw -echo
exec </dev/ttyS0 >/dev/ttyS0 2>&1
echo ready
while read -r line; do eval "$line"; echo "status $?"; done
'''


def _kernel():
    """Path of a kernel and of the modules' folder; None: there is none."""
    for image in sorted(glob.glob(os.path.join(ROOT, 'boot/vmlinuz-*')), reverse=True):
        modules = os.path.join(ROOT, 'lib/modules', os.path.basename(image)[len('vmlinuz-'):])
        if glob.glob(os.path.join(modules, '**/virtio_net.ko'), recursive=True):  # not compressed, for BusyBox's insmod
            return image, modules
    return None


def missing():
    """What keeps a guest from being started; '': nothing."""
    if not _kernel():
        return 'no kernel with plain modules in /boot, or none under WEFT_GUEST_ROOT'
    lacking = [p for p in ('qemu-system-x86_64', 'busybox', 'cpio') if not shutil.which(p)]
    return f'no {" and no ".join(lacking)}' if lacking else ''


class Guest:
    """Begins when the switch connects to `path`; booted() waits until its shell is there. `device`: more for QEMU's
    virtio-net-pci, as 'mrg_rxbuf=off'. `mtu` None: what its card says (host_mtu=N of QEMU's)."""

    def __init__(self, lab, ns, label, path, mac, address, mtu=1450, device=''):
        self.label, self.mac, self.address, self.mtu = label, mac, address, mtu
        self.kernel, self.modules = _kernel()
        self.serial = lab.path(f'{label}.serial')
        self.process = lab.start(f'guest-{label}', [
            'qemu-system-x86_64', '-accel', 'tcg', '-M', 'pc,memory-backend=memory', '-m', '192M', '-smp', 1,
            '-object', 'memory-backend-memfd,id=memory,size=192M,share=on', '-nodefaults', '-display', 'none',
            '-no-reboot', '-kernel', self.kernel, '-initrd', self._initrd(lab), '-append', 'panic=-1 quiet',
            '-serial', f'unix:{self.serial},server=on,wait=off', '-chardev', f'socket,id=chardev,path={path},server=on',
            '-netdev', 'vhost-user,id=net,chardev=chardev', '-device',
            f'virtio-net-pci,netdev=net,mac={mac},vectors=0,romfile='  # QEMU 7.2 dies of MSI-X here
            + (f',{device}' if device else '')], ns)
        self._line, self._read = socket.socket(socket.AF_UNIX), b''

    def booted(self, timeout=90):
        wait_until(lambda: self.process.check_alive() and os.path.exists(self.serial), 20, 'QEMU')
        self._line.connect(self.serial)
        self._until(b'ready\n', timeout)
        mtu = f'mtu {self.mtu}' if self.mtu else ''
        self.run(f'ip link set eth0 {mtu} up && ip addr add {self.address} dev eth0')
        return self

    def _initrd(self, lab):
        top = lab.path('initrd')
        os.makedirs(f'{top}/bin')
        os.makedirs(f'{top}/modules')
        shutil.copy(shutil.which('busybox'), f'{top}/bin/busybox')
        for n, name in enumerate(MODULES):
            for path in glob.glob(f'{self.modules}/**/{name}.ko', recursive=True):
                shutil.copy(path, f'{top}/modules/{n}-{name}.ko')
        with open(f'{top}/init', 'w', encoding='ascii') as file:
            file.write(INIT)
        os.chmod(f'{top}/init', 0o755)
        with open(lab.path('initrd.cpio'), 'wb') as file:
            names = subprocess.run(['find', '.'], cwd=top, check=True, capture_output=True).stdout
            subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], cwd=top, check=True, input=names, stdout=file)
        return lab.path('initrd.cpio')

    def _until(self, end, timeout):
        limit = time.monotonic() + timeout
        while end not in self._read:
            self.process.check_alive()
            self._line.settimeout(max(limit - time.monotonic(), 0.01))
            part = self._line.recv(65536)
            assert part, f'{self.label}: the serial line ended'
            self._read += part
        before, _, self._read = self._read.partition(end)
        return before.decode()

    def run(self, command, timeout=60, check=True):
        """What a line of shell wrote."""
        self._line.sendall(command.encode() + b'\n')
        said = self._until(b'status ', timeout)
        status = self._until(b'\n', timeout)
        assert not check or status == '0', f'{self.label}: {command}: status {status}: {said}'
        return said
