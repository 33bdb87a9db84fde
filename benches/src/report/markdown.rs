//! The tables, and how their figures came about.

use super::{Figure, Report, Row};
use crate::metric::Metric;
use crate::wire::Wire;
use std::fmt::{self, Write};

/// What passes through, then what it costs.
const TABLES: [[Metric; 4]; 2] = [
    [Metric::Tcp1, Metric::Tcp4, Metric::Udp1400, Metric::Udp64],
    [
        Metric::RttMedian,
        Metric::RttP99,
        Metric::DaemonCpu,
        Metric::MachineCpu,
    ],
];

const METHOD: &str = "\
Two network namespaces joined by one veth pair hold every peer in turn, so that the processes are
the same around each: one traffic program per end, born in its namespace, plus the peer's own
daemons if it has any. All of them share the processors. A round measures every peer once; the
order turns from round to round. Each cell is the median over the rounds, the smallest and largest
in parentheses, and in bold the ratio of the medians to BASE on the same wire.

- *TCP*: payload that arrives in SECONDS s after a warm-up, written and read 256 KiB at a time.
- *UDP*: the highest rate at which fewer than 1 in 1000 datagrams are lost, found by bisection
  with trials of MILLIS ms; `sendmmsg` sends what fell due every 100 µs, `recvmmsg` counts. The
  size is that of the UDP payload.
- *Round trip*: one UDP datagram of 56 octets at a time, there and back, blocking.
- *CPU*: processor seconds per 10^9 octets of payload during the one TCP flow: of both daemons
  (`/proc/PID/stat`), and of the whole machine with interrupts and traffic programs (`/proc/stat`).

Outer packets are IPv4 and fit the wire's MTU of 1500; each peer has the largest inner MTU that
allows it, and its own defaults otherwise.";

impl Report {
    /// The measured part of the document.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.render(&mut text);
        text
    }

    fn render(&self, out: &mut String) -> fmt::Result {
        self.render_machine(out)?;
        self.render_peers(out)?;
        self.render_method(out)?;
        for wire in Wire::ALL {
            if !self.figures.iter().any(|figure| figure.wire == wire) {
                continue;
            }
            writeln!(out, "\n### {}\n\n{}", wire.title(), wire.description())?;
            for metrics in TABLES {
                self.render_table(out, wire, &metrics)?;
            }
        }
        self.render_failures(out)
    }

    fn render_machine(&self, out: &mut String) -> fmt::Result {
        let host = &self.host;
        writeln!(out, "## Measurements\n")?;
        writeln!(out, "- Date: {}", host.date)?;
        writeln!(
            out,
            "- Machine: {} x {}, {}",
            host.cpus, host.cpu, host.kernel
        )?;
        if let Some(sources) = &host.sources {
            writeln!(out, "- Sources: {sources}")?;
        }
        writeln!(
            out,
            "- Rounds: {}, TCP measurements of {} s",
            self.runs, self.seconds
        )?;
        writeln!(
            out,
            "- Busy before the run: {:.0} %",
            host.busy_before * 100.0
        )?;
        if !self.optimized {
            writeln!(
                out,
                "- **Compiled without optimisation: these figures mean nothing.**"
            )?;
        }
        Ok(())
    }

    fn render_peers(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\n| peer | MTU | version |\n|---|---:|---|")?;
        for Row {
            title,
            mtu,
            version,
            missing,
            ..
        } in &self.subjects
        {
            let state = version
                .as_deref()
                .or(missing.as_deref())
                .unwrap_or_default();
            writeln!(out, "| {title} | {mtu} | {} |", cell(state))?;
        }
        Ok(())
    }

    fn render_method(&self, out: &mut String) -> fmt::Result {
        let method = METHOD
            .replace("BASE", &self.base)
            .replace("SECONDS", &self.seconds.to_string())
            .replace("MILLIS", &format!("{:.0}", self.seconds * 150.0));
        writeln!(out, "\n{method}")
    }

    /// One row per subject; columns that nothing fills are left out.
    fn render_table(&self, out: &mut String, wire: Wire, metrics: &[Metric]) -> fmt::Result {
        let filled = |metric: &&Metric| {
            self.figures
                .iter()
                .any(|figure| figure.wire == wire && figure.metric == **metric)
        };
        let metrics: Vec<Metric> = metrics.iter().filter(filled).copied().collect();
        if metrics.is_empty() {
            return Ok(());
        }
        write!(out, "\n| peer |")?;
        for metric in &metrics {
            write!(out, " {} |", metric.title())?;
        }
        writeln!(out, "\n|---|{}", "---:|".repeat(metrics.len()))?;
        for row in &self.subjects {
            write!(out, "| {} |", row.title)?;
            for &metric in &metrics {
                let figure = self.figure(wire, &row.title, metric);
                write!(out, " {} |", figure.map_or_else(|| "–".to_owned(), show))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn render_failures(&self, out: &mut String) -> fmt::Result {
        if !self.failures.is_empty() {
            writeln!(out, "\n### Failures\n")?;
        }
        for failure in &self.failures {
            let wire = failure.wire.title();
            writeln!(
                out,
                "- {}, {wire}, round {}: {}",
                failure.subject,
                failure.run,
                cell(&failure.text)
            )?;
        }
        Ok(())
    }
}

fn show(figure: &Figure) -> String {
    let [median, min, max] = [
        figure.summary.median,
        figure.summary.min,
        figure.summary.max,
    ]
    .map(|value| figure.metric.show(value));
    let ratio = figure
        .ratio
        .map(|ratio| format!(" **{ratio:.2}×**"))
        .unwrap_or_default();
    match figure.summary.runs {
        1 => format!("{median}{ratio}"),
        _ => format!("{median} ({min}–{max}){ratio}"),
    }
}

/// Text that cannot break a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
