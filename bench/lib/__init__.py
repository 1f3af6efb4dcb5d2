# SPDX-License-Identifier: Apache-2.0
"""What the commands of bench/ are made of.

    frames, pcapfile          bytes: inner frames, VXLAN and NVGRE around them, capture files
    filters, classbench       five-tuple filters and flows that hit them; from a seed, or from files
    rules                     OpenFlow rules as text, the same for both switches
    scenarios                 which traffic meets which rules
    source                    where the packets come from: a capture without end, or bench-generate
    machine                   hugepages, network namespaces, threads, what else may disturb
    testpmd, ovs, weft        the floor and the two switches: started, programmed, measured, stopped
    weftbare                  Weft without its agent, for very many tenants
    measure                   windows of measurement, which of them count
    report, plot              the table, the figures as JSON, the pictures
    cli                       options, conditions, and how a command ends
"""
