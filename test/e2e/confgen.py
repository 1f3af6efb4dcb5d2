# SPDX-License-Identifier: Apache-2.0
"""Random configurations that are right, and others near them, for test_configuration_pairs.py.

    make = Generator(random.Random(7), Devices(...))
    a = make.config()
    b = make.near(a)      # a with a few things changed, moved or exchanged

Whatever a file may say is said now and then, but for what needs hardware, a peer, or a second: af_xdp and
PCI. All devices are there and each is used once at a time, so that each configuration can be made.
"""
import copy

HOSTS4 = ['172.16.0.1', '172.16.0.9']
HOSTS6 = ['2001:db8::1', '2001:db8::9']
PEERS4 = [f'172.16.0.{n}' for n in range(2, 7)]
PEERS6 = [f'2001:db8::{n}' for n in range(2, 5)]
NAMES = ['red', 'blue', 'green', 'gray']
NOT_PROVIDERS = ('encap', 'vni', 'vsid', 'vteps', 'any_vtep', 'group', 'learn_vteps', 'suppress', 'neighbours', 'multicast')


def swap(one, two, keys):
    """What two dicts have under these keys, or have not."""
    for key in keys:
        was, now = one.pop(key, None), two.pop(key, None)
        if now is not None:
            one[key] = now
        if was is not None:
            two[key] = was


class Devices:
    """What ports may be of: interfaces that are there, names of TAPs, and a folder for sockets and files."""

    def __init__(self, interfaces, members, folder):
        self.interfaces, self.members, self.folder = interfaces, members, folder

    def of_ports(self):
        found = [('af_packet', name) for name in self.interfaces]
        found += [('tap', f'tap{n}') for n in range(4)]
        found += [('pcap', f'tx={self.folder}/out{n}.pcap') for n in range(2)]
        found += [('memif', f'{self.folder}/memif,id={n},role=server') for n in range(2)]
        found += [('vhost_user', f'{self.folder}/vhost{n}') for n in range(2)]
        return found


class Generator:
    def __init__(self, random, devices):
        self.random, self.devices = random, devices

    # ---- what chance says

    def often(self, share):
        return self.random.random() < share

    def one(self, *things):
        return self.random.choice(things)

    def some(self, things, most):
        return self.random.sample(things, self.random.randint(0, min(most, len(things))))

    def sometimes(self, out, share, **makers):
        for key, maker in makers.items():
            if self.often(share):
                out[key] = maker()

    # ---- the host and its uplinks

    def host(self):
        host = {'name': self.one('h1', 'h1', 'h2')}
        if self.often(.85):
            host['vtep'] = self.one(*HOSTS4)
            if self.often(.4):
                host['vtep6'] = self.one(*HOSTS6)
        else:
            host['vtep'] = self.one(*HOSTS6)
        self.sometimes(
            host, .2, vxlan_port=lambda: self.one(4789, 8472), udp_checksum=lambda: self.often(.5),
            udp6_checksum=lambda: self.often(.5), zero_checksum=lambda: self.one('accept', 'ipv4', 'refuse'),
            reassemble=lambda: self.one(0, 16), path_mtu_age=lambda: self.one(60, 600), ttl=lambda: self.one(3, 64),
            fdb_age=lambda: self.one(30, 300), bfd=self.bfd)
        return host

    def bfd(self):
        bfd = {'mode': self.one('none', 'single_hop', 'multihop', 'vxlan')}
        self.sometimes(bfd, .4, interval=lambda: self.one(200, 1000), multiplier=lambda: self.one(3, 5),
                       vni=lambda: self.one(1, 2), learned=lambda: self.often(.5))
        return bfd

    def uplinks(self):
        uplinks = [self.uplink('up0', 'eth0')]
        if self.often(.3):
            uplinks.append(self.uplink('up1', 'eth1'))
        if self.often(.1):
            uplinks.reverse()
        return uplinks

    def uplink(self, name, interface):
        kind = self.one('af_packet', 'af_packet', 'af_packet', 'null', 'null', 'tap', 'bond')
        up = {'name': name, 'kind': kind}
        if kind == 'af_packet':
            up['device'] = interface
        elif kind == 'tap':
            up['device'] = f'n{interface}'
        elif kind == 'bond':
            mode = self.one('lacp', 'active_backup', 'balance')
            members = self.devices.members[:2] if name == 'up0' else self.devices.members[2:]
            up.update(mode=mode, members=self.random.sample(members, self.random.randint(1, len(members))))
            if mode == 'lacp' and self.often(.5):
                up['lacp_rate'] = self.one('slow', 'fast')
        if kind != 'af_packet' and self.often(.3):
            up['kernel_interface'] = f'k{interface}'
        self.sometimes(up, .2, mtu=lambda: self.one(1400, 1450), queues=lambda: 1, offload=lambda: self.one('auto', 'off'))
        return up

    # ---- tenants

    def tenant(self, host, name):
        return self.provider(host, name) if self.often(.12) else self.plain(host, name)

    def remote(self, host):
        """Addresses that other hosts may have, of the families that this one has."""
        ours = [host.get('vtep', ''), host.get('vtep6', '')]
        return (PEERS4 if any('.' in ip for ip in ours) else []) + (PEERS6 if any(':' in ip for ip in ours) else [])

    def provider(self, host, name):
        tenant = {'name': name, 'kind': 'provider', **self.common(name)}
        which = self.one(('vnis',), ('vsids',), ('vnis', 'vsids'))
        for key in which:
            tenant[key] = self.one([7000, 7001], ['7000-7010'], [7005, 'rest'], [7000, '7100-7200', 'rest'])
        peers = self.some(self.remote(host), 3)
        if any('.' in ip for ip in self.remote(host)):
            peers += self.some(['172.16.0.0/24', '10.9.0.0/16'], 2)
        tenant['peers'] = peers
        self.sometimes(tenant, .3, vtep_age=lambda: self.one(0, 50))
        return tenant

    def plain(self, host, name):
        tenant = {'name': name, **self.common(name)}
        number, remote = NAMES.index(name), self.remote(host)
        kind = self.one('none', 'vxlan', 'vxlan', 'vxlan', 'nvgre')
        if kind == 'vxlan':
            tenant.update(encap=kind, vni=self.one(5000 + number, 6000 + number))
        elif kind == 'nvgre':
            tenant.update(encap=kind, vsid=self.one(5000 + number, 6000 + number))
        if kind != 'none':
            self.overlay(tenant, remote)
        self.sometimes(tenant, .2, suppress=lambda: self.often(.5))
        if self.often(.3):
            tenant['neighbours'] = [
                dict({'ip': ip, 'mac': f'02:00:00:00:00:{self.random.randrange(4):02x}'},
                     **({'vlan': 7} if self.often(.2) else {}))
                for ip in self.some(['10.0.0.1', '10.0.0.2', 'fd12::1', 'fe80::5'], 3)]
        if self.often(.3):
            tenant['multicast'] = self.multicast(tenant)
        return tenant

    def overlay(self, tenant, remote):
        if self.often(.8):
            tenant['vteps'] = self.some(remote, 4)
        self.sometimes(tenant, .2, any_vtep=lambda: self.often(.5))
        if self.often(.25):
            v4 = any('.' in ip for ip in remote)
            tenant['group'] = self.one('239.1.1.1', '239.1.1.2') if v4 else self.one('ff15::1', 'ff15::2')
            self.sometimes(tenant, .4, learn_vteps=lambda: self.one(0, 5))

    def common(self, name):
        number = NAMES.index(name)
        tenant = {'ports': self.ports()}
        self.sometimes(
            tenant, .25, learn=lambda: self.often(.5), inner_vlan=lambda: self.often(.5), mtu=lambda: self.one(1400, 1500),
            too_big=lambda: self.one('icmp', 'fragment', 'drop'), dscp=lambda: self.random.randrange(64),
            dscp_mode=lambda: self.one('pipe', 'uniform'), ecn=lambda: self.often(.5),
            moves=lambda: {'most': self.one(0, 3), 'within': self.one(5, 60), 'hold': self.one(7, 70)})
        if self.often(.4):
            kinds = ['rules', 'groups', 'meters', 'macs', 'packet_in', 'packet_in_burst']
            tenant['quotas'] = {kind: self.one(20, 200) for kind in self.some(kinds, 3)}
        if tenant['ports'] and self.often(.4):
            tenant['fdb'] = [
                dict({'mac': f'02:00:00:00:00:{n:02x}', 'port': self.one(*tenant['ports'])['name']},
                     **({'vlan': self.one(1, 7)} if self.often(.3) else {}))
                for n in self.some(range(4), 3)]
        if self.often(.6):
            tenant['switch'] = self.switch(name, number)
        return tenant

    def switch(self, name, number):
        if self.often(.15):
            return {'fail_mode': self.one('secure', 'standalone')}
        targets = self.some([f'punix:{self.devices.folder}/{name}.mgmt', f'punix:{self.devices.folder}/{name}.b',
                             f'unix:{self.devices.folder}/{name}.nobody', f'ptcp:{6600 + number}:127.0.0.1',
                             f'tcp:127.0.0.1:{6700 + number}'], 3)
        switch = {'dpid': f'{self.one(number + 1, number + 101):016x}'}
        if targets:
            switch['controllers'] = targets
        self.sometimes(switch, .3, fail_mode=lambda: self.one('secure', 'standalone'), inactivity=lambda: self.one(5, 20),
                       max_backoff=lambda: self.one(1, 8))
        return switch

    def multicast(self, tenant):
        multicast = {'snoop': self.often(.7)}
        self.sometimes(
            multicast, .4, unregistered=lambda: self.one('flood', 'routers'), querier=lambda: self.often(.5),
            querier_address=lambda: '10.0.0.250', age=lambda: self.one(60, 260), leave=lambda: self.one(0, 2),
            groups=lambda: self.one(10, 100), port_groups=lambda: self.one(10, 100),
            router_ports=lambda: self.some([p['name'] for p in tenant['ports']], 3),
            router_vteps=lambda: self.some(tenant.get('vteps', []), 3))
        return multicast

    def ports(self):
        ports = [self.port(n) for n in range(1, 4) if self.often(.6)]
        numbers = [port['number'] for port in ports]
        return [port for n, port in enumerate(ports) if port['number'] not in numbers[:n]]

    def port(self, n):
        kind, device = 'null', ''
        if self.often(.35):
            kind, device = self.one(*self.devices.of_ports())
        port = {'name': f'p{n}', 'number': self.one(n, n + 1, n + 10), 'kind': kind}
        if device:
            port['device'] = device
        self.sometimes(port, .15, mtu=lambda: self.one(1000, 1450), queues=lambda: 1, macs=lambda: self.one(10, 50),
                       storm=lambda: {self.one('broadcast', 'multicast', 'unknown'): self.one(10, 1000)})
        return port

    # ---- the whole

    def config(self):
        host = self.host()
        tenants = [self.tenant(host, name) for name in NAMES if self.often(.7)]
        self.random.shuffle(tenants)
        return self.made_right({'host': host, 'uplinks': self.uplinks(), 'tenants': tenants})

    def near(self, config):
        config = copy.deepcopy(config)
        changes = [self.other_host, self.other_uplinks, self.come, self.go, self.other_tenant, self.other_part,
                   self.other_part, self.exchange, self.exchange, self.exchange_ports, self.other_port, self.other_order]
        for change in self.random.sample(changes, self.random.randint(1, 3)):
            change(config)
        return self.made_right(config)

    def other_host(self, config):
        other = self.host()
        for key in self.some(sorted(set(other) | set(config['host'])), 3):
            config['host'].pop(key, None)
            if key in other:
                config['host'][key] = other[key]
        config['host'].setdefault('name', 'h1')
        config['host'].setdefault('vtep', '172.16.0.1')

    def other_uplinks(self, config):
        config['uplinks'] = self.uplinks()

    def come(self, config):
        free = [name for name in NAMES if name not in [t['name'] for t in config['tenants']]]
        if free:
            config['tenants'].append(self.tenant(config['host'], self.one(*free)))

    def go(self, config):
        if config['tenants']:
            config['tenants'].remove(self.one(*config['tenants']))

    def a_tenant(self, config):
        return self.random.randrange(len(config['tenants']))

    def other_tenant(self, config):
        if config['tenants']:
            n = self.a_tenant(config)
            config['tenants'][n] = self.tenant(config['host'], config['tenants'][n]['name'])

    def other_part(self, config):
        """A few settings of a tenant are those of another that it might have been."""
        if not config['tenants']:
            return
        tenant = config['tenants'][self.a_tenant(config)]
        if tenant.get('kind') == 'provider':
            other = self.provider(config['host'], tenant['name'])
        else:
            other = self.plain(config['host'], tenant['name'])
            if other.get('encap') != tenant.get('encap'):
                for key in ('encap', 'vni', 'vsid', 'vteps', 'any_vtep', 'group', 'learn_vteps'):
                    other.pop(key, None)
                    if key in tenant:
                        other[key] = tenant[key]
        for key in self.some(sorted((set(other) | set(tenant)) - {'name', 'kind', 'encap', 'vni', 'vsid', 'vnis', 'vsids',
                                                                  'peers'}), 4):
            tenant.pop(key, None)
            if key in other:
                tenant[key] = other[key]

    def exchange(self, config):
        """Two tenants exchange what only one may have."""
        if len(config['tenants']) < 2:
            return
        one, two = self.random.sample(config['tenants'], 2)
        for keys in self.one((('name',),), (('encap', 'vni', 'vsid', 'vteps', 'group', 'learn_vteps', 'any_vtep'),),
                             (('ports', 'fdb', 'multicast'),), (('switch',),), (('name',), ('switch',))):
            if keys[0] != 'encap' or 'provider' not in (one.get('kind'), two.get('kind')):
                swap(one, two, keys)

    def exchange_ports(self, config):
        """Two ports, of one tenant or of two, exchange names, numbers or devices."""
        ports = [port for tenant in config['tenants'] for port in tenant['ports']]
        if len(ports) < 2:
            return
        one, two = self.random.sample(ports, 2)
        for keys in self.one((('kind', 'device'),), (('number',),), (('name',),), (('kind', 'device'), ('number',))):
            swap(one, two, keys)

    def other_port(self, config):
        tenants = [tenant for tenant in config['tenants'] if tenant['ports']]
        if tenants:
            ports = self.one(*tenants)['ports']
            n = self.random.randrange(len(ports))
            ports[n] = dict(self.port(1), name=ports[n]['name'])

    def other_order(self, config):
        self.random.shuffle(config['tenants'])
        for tenant in config['tenants']:
            for key in ('ports', 'vteps', 'fdb', 'neighbours'):
                if key in tenant:
                    self.random.shuffle(tenant[key])

    # ---- what must not be

    def made_right(self, config):
        """What does not go together goes."""
        remote = self.remote(config['host'])
        ours = {config['host'].get('vtep'), config['host'].get('vtep6')}
        host = config['host']
        if 'vtep6' in host and ':' in host['vtep']:
            del host['vtep6']
            remote = PEERS6
        taken, sockets, vnis, dpids, providers = set(), set(), set(), set(), set()
        if host.get('bfd', {}).get('mode') == 'vxlan':
            vnis.add(('vni', host['bfd'].get('vni', 1)))
        for uplink in config['uplinks']:
            taken.add(uplink.get('device'))
        for tenant in config['tenants']:
            self.ports_right(tenant, taken)
            self.overlay_right(tenant, remote, ours)
            self.places_right(tenant)
            self.switch_right(tenant, dpids, sockets)
            sockets.update(tenant.get('switch', {}).get('controllers', []))
            for key in ('vni', 'vsid'):
                while key in tenant and (key, tenant[key]) in vnis:
                    tenant[key] += 20
                vnis.add((key, tenant.get(key)))
            for key in ('vnis', 'vsids'):  # one owner each
                if key in tenant and key in providers:
                    tenant[key] = [8000 + NAMES.index(tenant['name'])]
                elif key in tenant:
                    providers.add(key)
        return config

    def ports_right(self, tenant, taken):
        names, numbers, kept = set(), set(), []
        for port in tenant['ports']:
            device = port.get('device') if port['kind'] != 'null' else None
            if port['name'] in names or port['number'] in numbers or device in taken - {None}:
                continue
            names.add(port['name'])
            numbers.add(port['number'])
            taken.add(device)
            kept.append(port)
        tenant['ports'] = kept

    def overlay_right(self, tenant, remote, ours):
        if tenant.get('kind') == 'provider':
            for key in NOT_PROVIDERS:
                tenant.pop(key, None)
            v4 = any('.' in ip for ip in remote)
            there = [ip for ip in tenant['peers'] if ip in remote or ('/' in ip and v4)]
            # VTEPs of a prefix come and go with packets: an address that was named, and lies in a prefix now, may be
            # in use. It stays until it has not been for vtep_age. So none of these tenants ever has both.
            if tenant['name'] in NAMES[:2]:
                tenant['peers'] = [ip for ip in there if not ip.startswith('172.16.0.0')] or remote[:1]
            else:
                tenant['peers'] = [ip for ip in there if '/' in ip] or ['any']
            return
        for key in ('vnis', 'vsids', 'peers', 'vtep_age'):
            tenant.pop(key, None)
        encap = tenant.get('encap', 'none')
        if encap == 'none':
            for key in ('vni', 'vsid', 'vteps', 'any_vtep', 'group', 'learn_vteps'):
                tenant.pop(key, None)
        if 'vteps' in tenant:
            tenant['vteps'] = [ip for ip in tenant['vteps'] if ip in remote and ip not in ours]
        v4 = any('.' in ip for ip in remote)
        if 'group' in tenant and ('.' in tenant['group']) != v4 and not ('.' not in tenant['group'] and PEERS6[0] in remote):
            del tenant['group']
        if 'group' not in tenant:
            tenant.pop('learn_vteps', None)

    def places_right(self, tenant):
        """What names ports and VTEPs."""
        names, vteps = [port['name'] for port in tenant['ports']], tenant.get('vteps', [])
        for entry in tenant.get('fdb', []):
            if entry.get('port') not in names:
                entry.pop('port', None)
            if 'port' in entry and vteps and self.often(.2):
                del entry['port']
                entry['vtep'] = self.one(*vteps)
            if entry.get('vtep') not in vteps:
                entry.pop('vtep', None)
        if 'fdb' in tenant:
            seen = set()
            tenant['fdb'] = [e for e in tenant['fdb'] if ('port' in e or 'vtep' in e) and
                             not ((e['mac'], e.get('vlan')) in seen or seen.add((e['mac'], e.get('vlan'))))]
        multicast = tenant.get('multicast', {})
        for key, there in (('router_ports', names), ('router_vteps', vteps)):
            if key in multicast:
                multicast[key] = [thing for thing in multicast[key] if thing in there]

    def switch_right(self, tenant, dpids, sockets):
        switch = tenant.get('switch', {})
        controllers = [target for target in switch.get('controllers', []) if target not in sockets]
        switch.pop('controllers', None)
        if controllers and 'dpid' in switch:
            switch['controllers'] = controllers
        if switch.get('dpid') in dpids:
            switch['dpid'] = f'{int(switch["dpid"], 16) + 0x1000:016x}'
        if 'dpid' in switch:
            dpids.add(switch['dpid'])
