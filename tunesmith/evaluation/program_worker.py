"""Runs one program a model wrote, in a process that has given up all it could do harm with.

Started by `tunesmith.evaluation.programs` as a file of its own, so it imports nothing but the standard library. Its input
is one JSON line: the program, the limits, the word that says the end was reached. Its output, on the descriptor its argument
names, is that word, or one line that says what went wrong. Before the program runs, in this order:

    resource limits       processor time, memory, size of a file, open files, no core file       every Unix
    dies with its parent  prctl PR_SET_PDEATHSIG                                                  Linux
    Landlock              reads what the user can read; writes below its own folder only          Linux 6.2 and later
    seccomp               no new processes or programs, no sockets, no signals to others, no tracing, no mounting,
                          no raising of limits                                  Linux on x86_64 and aarch64
    an audit hook         the same asked for from Python, so that the reason can be told; all there is elsewhere, and no
                          wall against a program that means to get out

The layers that hold are named on the first line of the output.

The word keeps a program that ends early, or prints what it likes, from passing. It is no proof against a program written to
pass: such a one can read the word in Python's own frames.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import signal
import struct
import sys
import traceback
from typing import Any

MAX_REASON = 300


# -- limits ------------------------------------------------------------------------------------------------------------


def limit_resources(limits: dict[str, Any]) -> None:
    cpu = max(1, int(limits["cpu_s"]))
    wanted = {
        resource.RLIMIT_CPU: (cpu, cpu + 1),  # the second cannot be caught
        resource.RLIMIT_AS: (limits["memory_bytes"],) * 2,
        resource.RLIMIT_FSIZE: (limits["file_bytes"],) * 2,
        resource.RLIMIT_NOFILE: (limits["open_files"],) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, (soft, hard) in wanted.items():
        # macOS refuses some of them.
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError):
            continue
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that is too large is an OSError, not a silent death


# -- Linux: the file system --------------------------------------------------------------------------------------------

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # the same numbers on every architecture
READ_FILE, READ_DIR, EXECUTE = 1 << 2, 1 << 3, 1 << 0
WRITE_FILE, DEVICES = 1 << 1, (1 << 6) | (1 << 11)
RIGHTS_OF_VERSION = {3: 15, 4: 15, 5: 16}  # how many rights each version of Landlock knows


def restrict_files(libc: Any, folder: str) -> bool:
    """Only reading outside the folder; in it no devices. False where the kernel has no Landlock."""
    version = libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 3:
        return False  # before the third, files could be emptied all the same
    rights = (1 << RIGHTS_OF_VERSION[min(version, 5)]) - 1
    handled = ctypes.create_string_buffer(struct.pack("Q", rights))
    ruleset = libc.syscall(LANDLOCK_CREATE, handled, ctypes.c_size_t(8), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    allowed = [
        ("/", READ_FILE | READ_DIR | EXECUTE),
        (folder, rights & ~DEVICES),
        ("/dev/null", READ_FILE | WRITE_FILE),
    ]
    for path, granted in allowed:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", granted, descriptor))
        added = libc.syscall(LANDLOCK_ADD, ruleset, 1, rule, ctypes.c_uint32(0))
        os.close(descriptor)
        if added != 0:
            return False
    restricted = libc.syscall(LANDLOCK_RESTRICT, ruleset, ctypes.c_uint32(0)) == 0
    os.close(ruleset)
    return restricted


# -- Linux: system calls -----------------------------------------------------------------------------------------------

# name: (x86_64, aarch64); None where there is no such call.
REFUSED = {
    # processes, programs, sockets; io_uring does what the others do without being them
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "socket": (41, 198),
    "io_uring_setup": (425, 425),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140), "prlimit64": (302, 261), "setrlimit": (160, 164),
    # other views of the system
    "mount": (165, 40), "umount2": (166, 39), "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51),
    "pivot_root": (155, 41), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "reboot": (169, 142),
    "init_module": (175, 105), "finit_module": (313, 273), "kexec_load": (246, 104), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "sethostname": (170, 161), "ioperm": (173, None), "iopl": (172, None),
    # memory that no limit counts, or that stays behind
    "memfd_create": (319, 279), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "keyctl": (250, 219), "add_key": (248, 217),
    # what Landlock does not hold: owner, mode, times and attributes of files, and cutting them
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "truncate": (76, 45), "mknod": (133, None), "mknodat": (259, 33),
}  # fmt: skip
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
CLONE, CLONE3 = (56, 220), 435
OWN_SIGNALS = {"kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131)}
CLONE_THREAD = 0x00010000
EPERM, ENOSYS = 1, 38
ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, ABOVE, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
X32_BIT = 0x40000000  # the other calling convention of x86_64, whose numbers are different


def restrict_calls(libc: Any) -> bool:
    """Refuse what starts, reaches or changes anything outside this process; False where we do not know the numbers."""
    if platform.machine() not in ARCHITECTURES or sys.maxsize < 2**32:
        return False
    column, architecture = ARCHITECTURES[platform.machine()]
    code = _filter(column, architecture)
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in code)
    buffer = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer)))
    return libc.prctl(PR_SET_SECCOMP, 2, header, 0, 0) == 0


def _filter(column: int, architecture: int) -> list[tuple[int, int, int, int]]:
    """A classic BPF program over (number, architecture, arguments) of a call; jumps are relative."""
    code = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    code += [(ABOVE, 0, 1, X32_BIT), (RETURN, 0, 0, KILL)]
    for numbers in REFUSED.values():
        if numbers[column] is not None:
            code += [(EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, ERROR | EPERM)]
    code += [(EQUAL, 0, 1, CLONE3), (RETURN, 0, 0, ERROR | ENOSYS)]  # the C library then uses clone
    code += [(EQUAL, 0, 4, CLONE[column]), (LOAD, 0, 0, FIRST_ARGUMENT), (ANY_BIT, 0, 1, CLONE_THREAD)]
    code += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ERROR | EPERM)]
    for name, numbers in OWN_SIGNALS.items():
        if name == "tkill":
            code += [(EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, ERROR | EPERM)]
            continue
        code += [(EQUAL, 0, 4, numbers[column]), (LOAD, 0, 0, FIRST_ARGUMENT), (EQUAL, 0, 1, os.getpid())]
        code += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ERROR | EPERM)]
    return [*code, (RETURN, 0, 0, ALLOW)]


def lock_down(folder: str) -> list[str]:
    """Give up what Linux lets a process give up; the names of the layers that hold."""
    if not sys.platform.startswith("linux"):
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return []
    layers = [("landlock", lambda: restrict_files(libc, folder)), ("seccomp", lambda: restrict_calls(libc))]
    return [name for name, apply in layers if apply()]


# -- Python ------------------------------------------------------------------------------------------------------------

EVENTS = {
    **dict.fromkeys(("socket.__new__", "socket.connect", "socket.bind", "socket.getaddrinfo"), "open a socket"),
    **dict.fromkeys(("os.fork", "os.forkpty", "pty.spawn"), "start a process"),
    **dict.fromkeys(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"), "start a program"),
    **dict.fromkeys(("os.kill", "os.killpg", "signal.pthread_kill"), "send a signal"),
}
WRITES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree")
READ_ONLY = os.O_RDONLY


def watch(folder: str) -> None:
    """Refuse, by an audit hook, what Python asks for on behalf of the program."""
    below = folder + os.sep

    def refuse(what: str) -> None:
        raise PermissionError(f"the program may not {what}")

    def is_outside(path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False  # a descriptor that is open already
        whole = os.path.realpath(os.fsdecode(path))
        return whole not in (folder, os.devnull) and not whole.startswith(below)

    def hook(event: str, arguments: tuple) -> None:
        if event in EVENTS:
            if event == "os.kill" and arguments[0] == os.getpid():
                return
            refuse(EVENTS[event])
        if event == "open" and is_outside(arguments[0]):
            mode, flags = arguments[1], arguments[2]
            if (isinstance(mode, str) and set(mode) & set("wax+")) or (
                isinstance(flags, int) and flags & 3 != READ_ONLY
            ):
                refuse("write outside its folder")
        elif event in WRITES and any(is_outside(path) for path in arguments[:2]):
            refuse("write outside its folder")

    sys.addaudithook(hook)


def main() -> None:
    request, result = json.loads(sys.stdin.buffer.readline()), int(sys.argv[1])
    folder = os.path.realpath(os.getcwd())
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    sys.dont_write_bytecode = True
    limit_resources(request["limits"])
    layers = lock_down(folder)
    os.write(result, (" ".join(layers) + "\n").encode())
    watch(folder)
    os.write(result, outcome(request["program"], request["word"]).encode("utf-8", "replace"))
    os._exit(0)  # whatever threads and exit handlers the program left behind


def outcome(program: str, word: str) -> str:
    try:
        exec(compile(program, "answer.py", "exec"), {"__name__": "__main__"})
    except SystemExit:
        return "the program ended itself before its tests were through"
    except BaseException as error:
        return reason(error)
    return word


def reason(error: BaseException) -> str:
    """``answer.py:12: AssertionError: …`` on one line."""
    try:
        message = " ".join(str(error).split())
    except BaseException:  # the error is the program's own class
        message = ""
    lines = [entry.lineno for entry in traceback.extract_tb(error.__traceback__) if entry.filename == "answer.py"]
    place = f"answer.py:{lines[-1]}: " if lines else ""
    name = type(error).__name__
    return f"{place}{name}: {message}"[:MAX_REASON] if message else f"{place}{name}"


if __name__ == "__main__":
    main()
