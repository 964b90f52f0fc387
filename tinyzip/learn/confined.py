"""Depth: a check in a process that may use only so much, as far as the system can hold it to that.

Nothing here keeps out a person who means harm: that is what a machine of its own is for. It keeps one
student's mistake from taking all the memory of the machine on which a class is graded, and his code from
asking the network. What is taken away has to be gone before NumPy starts its threads, so this stands apart
from `judge`.
"""

import ctypes
import sys

NO_NETWORK = 0x40000000 | 0x10000000  # CLONE_NEWNET and CLONE_NEWUSER of unshare(2)


def confine(memory: int) -> tuple[bool, bool]:
    """Hold this process to so many bytes of memory, and take the network from it: which it could do."""
    return limit_memory(memory), leave_network()


def limit_memory(memory: int) -> bool:
    """Windows knows no such limit, and macOS does not keep to it."""
    if sys.platform == "win32":
        return False
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    except (ValueError, OSError):
        return False
    return True


def leave_network() -> bool:
    """Only Linux has networks of a process's own, and not every Linux lets everybody have one."""
    try:
        return bool(ctypes.CDLL(None).unshare(NO_NETWORK) == 0)
    except (AttributeError, OSError, TypeError):
        return False


def main(words: list[str]) -> None:
    """MEMORY, and then as `judge.main`."""
    memory, *rest = words
    confine(int(memory))
    from tinyzip.learn import judge

    judge.main(rest)


if __name__ == "__main__":
    main(sys.argv[1:])
