//! What the operating system says of this process.

/// What can be read of a process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: f64,
    pub(super) virtual_bytes: f64,
    pub(super) open_files: f64,
    pub(super) most_open_files: f64,
    pub(super) threads: f64,
    pub(super) start_seconds: f64,
}

/// Of this process; `None` where the system has no `/proc`.
#[cfg(target_os = "linux")]
pub(super) fn read() -> Option<Process> {
    use procfs::{CurrentSI as _, WithCurrentSystemInfo as _};

    let process = procfs::process::Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let ticks = procfs::ticks_per_second() as f64;
    let booted = procfs::KernelStats::current().ok()?.btime as f64;
    let limit = process.limits().ok()?.max_open_files.soft_limit;
    Some(Process {
        cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
        resident_bytes: stat.rss_bytes().get() as f64,
        virtual_bytes: stat.vsize as f64,
        open_files: process.fd_count().ok()? as f64,
        most_open_files: match limit {
            procfs::process::LimitValue::Value(most) => most as f64,
            procfs::process::LimitValue::Unlimited => f64::INFINITY,
        },
        threads: stat.num_threads as f64,
        start_seconds: booted + stat.starttime as f64 / ticks,
    })
}

/// Of this process; `None` where the system has no `/proc`.
#[cfg(not(target_os = "linux"))]
pub(super) fn read() -> Option<Process> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn this_process_has_memory_files_and_an_age() {
        let process = super::read().unwrap();

        assert!(process.resident_bytes > 1e5 && process.resident_bytes < process.virtual_bytes);
        assert!(process.open_files >= 3.0 && process.open_files <= process.most_open_files);
        assert!(process.start_seconds > 1.7e9);
        assert!(process.threads >= 1.0);
    }
}
