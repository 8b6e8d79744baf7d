"""The host: memory, processors, disks, file systems, tasks that hang or die, and the panic that ends it all.

What a job does to itself (out of memory, a crash) is a warning; `fail` is for what takes a device or the node away."""

from __future__ import annotations

from clusterctl.agent.kmsg.rule import PCI_GROUP, Rule, rule, worded

_TASK = r"(?P<process>.{1,64}?):(?P<pid>\d{1,9})"
_TARGET = r"(?P<target>.{1,64}?):(?P<target_pid>\d{1,9})"
_DISK = rf"(?:{PCI_GROUP}|(?P<port>nvme[\w.]{{0,28}}))"

RULES: tuple[Rule, ...] = (
    rule("oom", "oom_kill", "warn", " process ",
         r"Kill(?:ed)? process (?P<pid>\d{1,9}),?(?: UID \d{1,10},)? \((?P<process>.{1,64}?)\)(?=[, ]|$)"),
    rule("oom", "oom_context", "warn", "oom-kill:constraint=",
         r"oom-kill:constraint=(?P<constraint>\w{1,40})(?:.*?,task_memcg=(?P<cgroup>[^,]{0,200}))?"
         r"(?:.*,task=(?P<process>.{0,64}),pid=(?P<pid>\d{1,9}))?"),
    rule("oom", "oom_reaper", "warn", "oom_reaper:",
         r"oom_reaper: (?:reaped|unable to reap) (?:process |pid:)"
         r"(?P<pid>\d{1,9}) ?\((?P<process>.{1,64}?)\)(?=[, ]|$)"),
    rule("mce", "killing", "fail", "MCE: Killing ", rf"MCE: Killing {_TASK} due to hardware memory corruption"),
    rule("mce", "uncorrected", "fail", "Uncorrected hardware memory error",
         r"Uncorrected hardware memory error(?:.{0,40}? at (?P<address>(?:0x)?[0-9a-fA-F]{1,16}))?"),
    rule("mce", "memory_failure", "warn", "Memory failure: 0x",
         rf"Memory failure: (?P<page>0x[0-9a-fA-F]{{1,16}}): (?:Killing {_TASK} |Sending SIGBUS to {_TARGET} )?"),
    rule("mce", "logged", "warn", "Machine check events logged", r"Machine check events logged"),
    worded("ghes", "event severity: ",
           r"\{(?P<record>\d{1,9})\}\[Hardware Error\]: +event severity: (?P<word>corrected|recoverable|fatal|info)\w*",
           {"corrected": ("corrected", "warn"), "recoverable": ("recoverable", "warn"), "fatal": ("fatal", "fail"),
            "info": ("info", "info")}),
    rule("ghes", "detail", "info", "}[Hardware Error]:", r"\{(?P<record>\d{1,9})\}\[Hardware Error\]:"),
    worded("edac", "EDAC MC",
           r"EDAC (?:\w{1,32} )?MC(?P<controller>\d{1,4}): (?:(?P<errors>\d{1,9}) )?(?P<word>CE|UE)\b"
           r"(?: .{0,80}? on (?P<label>\S{1,80}))?",
           {"ce": ("ce", "warn"), "ue": ("ue", "fail")}),
    rule("mce", "detail", "info", "[Hardware Error]:", r"\[Hardware Error\]:"),
    rule("nvme", "controller_down", "fail", "controller is down; will reset",
         rf"nvme {_DISK}: controller is down; will reset"),
    rule("nvme", "removed", "fail", "after reset failure",
         rf"nvme {_DISK}: (?:Disabling|Removing) device after reset failure"),
    rule("nvme", "removed", "fail", "Removing after probe failure", rf"nvme {_DISK}: Removing after probe failure"),
    rule("nvme", "device_inaccessible", "fail", "device inaccessible",
         rf"nvme {_DISK}: Unable to change power state .{{0,40}}device inaccessible"),
    rule("fs_error", "ext4", "fail", "EXT4-fs error", r"EXT4-fs error \(device (?P<port>[^)]{1,64})\)"),
    rule("fs_error", "xfs", "fail", "XFS (",
         r"XFS \((?P<port>[^)]{1,64})\): .*?(?:[Cc]orruption|metadata I/O error|[Ss]hutting down|[Ss]hut down)"),
    rule("io_error", "block", "warn", "I/O error, dev ",
         r"I/O error, dev (?P<port>[\w-]{1,32})(?:, sector (?P<sector>\d{1,20}))?"),
    rule("hung_task", "blocked", "warn", " for more than ",
         rf"task {_TASK} blocked(?: in I/O wait)? for more than (?P<seconds>\d{{1,9}})"),
    rule("soft_lockup", "", "fail", "soft lockup",
         rf"soft lockup - CPU#(?P<cpu>\d{{1,6}}) stuck for (?P<seconds>\d{{1,9}})s! \[{_TASK}\]"),
    rule("segfault", "", "warn", "segfault at ",
         # the name may have blanks: it begins after the last thing that looks like a prefix
         r"(?:^|: |\] ?|[+-]\d\d:?\d\d |Z )(?P<process>(?:(?!: |\] )[^\n]){1,16}?)\[(?P<pid>\d{1,9})\]: segfault at "
         r"(?:.{0,160}? in (?P<code>[\w.+-]{1,60}?\.so)\b)?"),
    rule("peermem", "invalid_context", "warn", "nvidia-peermem", r"nvidia-peermem.{0,80}detected invalid context"),
    rule("panic", "", "fail", "Kernel panic - not syncing", r"Kernel panic - not syncing(?:: (?P<reason>[^\n]{1,120}))?"),
)  # fmt: skip
