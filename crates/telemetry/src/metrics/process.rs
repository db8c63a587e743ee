//! What the operating system knows about the process, under the names that every Prometheus
//! client library uses. Absent where there is no `/proc`.

use std::fs;

use super::catalog::Catalog;

/// Kernel ticks per second in `/proc/*/stat`. Linux fixes it for user space (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Connects the `process_*` metrics to `/proc`.
pub(super) fn observe(catalog: &Catalog) {
    catalog
        .process_cpu_seconds
        .read_from(from(|| Some(Stat::read()?.cpu_seconds)));
    catalog
        .process_virtual_memory
        .read_from(from(|| Some(Stat::read()?.virtual_memory)));
    catalog
        .process_threads
        .read_from(from(|| Some(Stat::read()?.threads)));
    catalog
        .process_resident_memory
        .read_from(from(resident_memory));
    catalog.process_open_fds.read_from(from(open_fds));
    catalog.process_max_fds.read_from(from(max_fds));
    let started = start_time();
    catalog.process_start_time.read_from(from(move || started));
}

fn from(read: impl Fn() -> Option<f64> + Send + Sync + 'static) -> super::Source<()> {
    Box::new(move |emit| {
        if let Some(value) = read() {
            emit((), value);
        }
    })
}

/// The fields of `/proc/self/stat` that are of interest; see proc(5).
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    /// Seconds after the boot of the machine.
    started_after_boot: f64,
    virtual_memory: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The program's name stands in parentheses and may itself contain blanks and
        // parentheses, so fields count from the last one; the first after it is field 3.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |position: usize| fields.get(position - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (number(14)? + number(15)?) / TICKS_PER_SECOND,
            threads: number(20)?,
            started_after_boot: number(22)? / TICKS_PER_SECOND,
            virtual_memory: number(23)?,
        })
    }
}

fn start_time() -> Option<f64> {
    let boot = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = boot
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    Some(boot + Stat::read()?.started_after_boot)
}

fn resident_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn open_fds() -> Option<f64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // Reading the directory opened one more.
    Some(f64::from(u32::try_from(open).ok()?.saturating_sub(1)))
}

fn max_fds() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_does_not_shift_the_fields() {
        let stat =
            "42 (a) b (c) S 1 42 42 0 -1 4194304 900 0 0 0 250 50 0 0 20 0 7 0 1000 8192 300";
        assert_eq!(
            Stat::parse(stat),
            Some(Stat {
                cpu_seconds: 3.0,
                threads: 7.0,
                started_after_boot: 10.0,
                virtual_memory: 8192.0,
            })
        );
        assert_eq!(Stat::parse("42 (short) S 1"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_files_and_a_start() {
        assert!(resident_memory().is_some_and(|bytes| bytes > 1e6));
        assert!(open_fds().is_some_and(|files| files >= 3.0));
        assert!(max_fds().is_some_and(|files| files > 3.0));
        assert!(start_time().is_some_and(|time| time > 1.6e9));
    }
}
