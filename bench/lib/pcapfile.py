# SPDX-License-Identifier: Apache-2.0
"""Capture files, as libpcap and DPDK's pcap driver read them."""
import struct

_FILE = struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)  # LINKTYPE_ETHERNET


def write(path, frames):
    """Writes the frames in order. Returns how many there were."""
    count = 0
    with open(path, 'wb', buffering=1 << 20) as out:
        out.write(_FILE)
        for frame in frames:
            out.write(struct.pack('<IIII', 0, 0, len(frame), len(frame)))
            out.write(frame)
            count += 1
    return count


def read(path):
    """The frames of a file that write() made."""
    with open(path, 'rb') as file:
        data = file.read()
    if data[:len(_FILE)] != _FILE:
        raise ValueError(f'{path}: not a capture of ours')
    at = len(_FILE)
    while at < len(data):
        length = struct.unpack_from('<I', data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length
