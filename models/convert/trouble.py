"""What can go wrong while models are set up, each as one sentence with the way out."""

import errno
import re


class Trouble(Exception):
    """Shown to the person as it is; the command then ends with exit code 1."""


NETWORK_SIGNS = (
    "NewConnectionError",
    "Failed to establish a new connection",
    "Connection refused",
    "Connection reset",
    "ConnectionError",
    "Connection broken",
    "ConnectTimeout",
    "ReadTimeout",
    "Read timed out",
    "Network is unreachable",
    "Max retries exceeded",
    "name resolution",
    "Name or service not known",
    "ProxyError",
    "SSLError",
    "HTTP error 5",
)


def of_os_error(error: OSError, doing: str) -> Trouble:
    """`doing` completes the sentence "while …"."""
    # shutil collects the errors of a whole tree into one without a number.
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error):
        where = f" ({error.filename})" if error.filename else ""
        return Trouble(
            f"no space left on the disk while {doing}{where}: free some and run the same command "
            "again, or name a folder on a bigger disk with MYNAH_CACHE=FOLDER; what is finished is kept"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Trouble(
            f"may not write {error.filename} while {doing}: give yourself the right, or name "
            "another folder with MYNAH_CACHE=FOLDER"
        )
    return Trouble(f"{error} while {doing}")


def of_pip(output: str, doing: str, log: str) -> Trouble:
    """Reads pip's words (`output`, kept whole in the file `log`) for the cause."""
    if "DO NOT MATCH THE HASHES" in output:
        names = re.findall(r"^\s*(\S+==\S+|\S+)\s+from\s", output, re.MULTILINE)
        what = names[0] if names else "a package"
        return Trouble(
            f"wrong hash while {doing}: the package index sent other bytes for {what} than the "
            "pinned ones; nothing of it was used. Try again, and if it stays so, look for a proxy "
            f"or mirror that alters packages (details: {log})"
        )
    if "No space left on device" in output or "Errno 28" in output or "Errno 122" in output:
        return of_os_error(OSError(errno.ENOSPC, "No space left on device"), doing)
    if any(sign in output for sign in NETWORK_SIGNS):
        return Trouble(
            f"no network while {doing}: the Python package index did not answer. Connect and run "
            f"the same command again; what is finished is kept (details: {log})"
        )
    if "No matching distribution found" in output or "Could not find a version" in output:
        return Trouble(
            f"the Python package index has no fitting file while {doing}: the pinned packages exist "
            "for Python 3.11 to 3.14 on 64-bit x86 and Arm Linux with glibc 2.28 or newer "
            f"(details: {log})"
        )
    lines = [line for line in output.splitlines() if line.strip()]
    return Trouble(f"pip failed while {doing}: {lines[-1] if lines else 'no words'} (details: {log})")
