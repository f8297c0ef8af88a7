//! A child process that is polled and never waited for.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};

/// Most bytes kept of what a program prints; printing more ends it.
pub const MAX_OUTPUT: usize = 16 * 1024;
/// Most bytes handed to a program: Linux pipes hold 64 KiB, so writing this never blocks.
pub const MAX_INPUT: usize = 32 * 1024;

/// Has the kernel kill the program when the thread that started it is gone, however that came: a
/// signal that ends us leaves no order half taken in the background.
fn die_with_us(command: &mut Command) {
    // SAFETY: between fork and exec the closure makes one system call, with numbers only, and
    // allocates nothing.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == 0 {
                Ok(())
            } else {
                Err(io::Error::last_os_error())
            }
        });
    }
}

/// A running program, leader of its own process group.
pub struct Process {
    child: Child,
    stdout: Tap<ChildStdout>,
    stderr: Tap<ChildStderr>,
    reaped: bool,
}

/// What a poll found.
pub enum Progress {
    Running,
    Ended(ExitStatus),
    /// It printed more than [`MAX_OUTPUT`].
    TooMuchOutput,
}

impl Process {
    /// Starts `argv` in `folder` with `input` on its standard input.
    pub fn start(
        argv: &[String],
        folder: &Path,
        environment: &[(&str, &str)],
        input: &[u8],
    ) -> io::Result<Self> {
        let (program, arguments) =
            argv.split_first().ok_or_else(|| io::Error::other("no program is named"))?;
        if input.len() > MAX_INPUT {
            return Err(io::Error::other(format!("the slots take more than {MAX_INPUT} bytes")));
        }
        // A relative path means the agent's folder, whatever folder we were started in.
        let program =
            if program.contains('/') { folder.join(program) } else { Path::new(program).into() };
        let mut command = Command::new(program);
        die_with_us(&mut command);
        let mut child = command
            .args(arguments)
            .current_dir(folder)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let mut stdin = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let process =
            Self { child, stdout: Tap::new(stdout), stderr: Tap::new(stderr), reaped: false };
        process.stdout.never_block()?;
        process.stderr.never_block()?;
        if let Some(pipe) = &mut stdin {
            // A program that does not read its input is no error: it closes the pipe.
            match pipe.write_all(input) {
                Err(e) if e.kind() != io::ErrorKind::BrokenPipe => return Err(e),
                _ => {}
            }
        }
        Ok(process)
    }

    /// Looks once, without waiting.
    pub fn poll(&mut self) -> io::Result<Progress> {
        // Before the reading, so that everything printed until the end is read.
        let status = self.child.try_wait()?;
        self.reaped |= status.is_some();
        self.stdout.drain()?;
        self.stderr.drain()?;
        if self.stdout.total > MAX_OUTPUT || self.stderr.total > MAX_OUTPUT {
            return Ok(Progress::TooMuchOutput);
        }
        Ok(status.map_or(Progress::Running, Progress::Ended))
    }

    /// Kills the program with everything it started, and reaps it.
    pub fn kill(&mut self) {
        if self.reaped {
            return;
        }
        kill_group(self.child.id());
        // Killed processes end at once, so this wait is short; without it a zombie stays.
        self.reaped = self.child.wait().is_ok();
    }

    #[cfg(test)]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// First line that was printed, without white space around it.
    pub fn first_line(&self) -> String {
        first_line(&self.stdout.kept)
    }

    /// First line that was printed as an error.
    pub fn first_error_line(&self) -> String {
        first_line(&self.stderr.kept)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a program ended, for people.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// One output pipe of a child: everything is read, [`MAX_OUTPUT`] bytes are kept.
struct Tap<P> {
    pipe: Option<P>,
    kept: Vec<u8>,
    total: usize,
}

impl<P: Read + AsRawFd> Tap<P> {
    fn new(pipe: Option<P>) -> Self {
        Self { pipe, kept: Vec::new(), total: 0 }
    }

    fn never_block(&self) -> io::Result<()> {
        self.pipe.as_ref().map_or(Ok(()), |pipe| set_nonblocking(pipe.as_raw_fd()))
    }

    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        // Bounded, so that a program that prints for ever cannot hold us here.
        while self.total <= MAX_OUTPUT {
            let Some(pipe) = &mut self.pipe else { return Ok(()) };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(n) => {
                    self.total += n;
                    let room = MAX_OUTPUT - self.kept.len();
                    self.kept.extend_from_slice(&buffer[..n.min(room)]);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().trim().to_owned()
}

fn set_nonblocking(fd: RawFd) -> io::Result<()> {
    // SAFETY: F_GETFL and F_SETFL take and return plain integers and touch no memory of ours; `fd`
    // is open, because the pipe it was taken from is borrowed by the caller for the whole call.
    let done = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        flags != -1 && libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) != -1
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn kill_group(leader: u32) {
    let Ok(group) = libc::pid_t::try_from(leader) else { return };
    // SAFETY: kill(2) takes integers only. The leader is not reaped yet (the caller checks), so
    // its id still names the group that we created for it and nobody else's.
    unsafe {
        libc::kill(-group, libc::SIGKILL);
    }
}
