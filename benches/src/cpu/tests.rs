use super::{Cpu, machine_ticks, process_ticks};

#[test]
fn a_process_with_an_odd_name_is_read() {
    let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 9 9 20 0 1 0 100 1 1";
    assert_eq!(process_ticks(stat).unwrap(), 300);
}

#[test]
fn idle_and_stolen_time_is_not_busy() {
    let stat = "cpu  100 10 50 9999 888 7 3 555 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
    assert_eq!(machine_ticks(stat).unwrap(), 170);
}

#[test]
fn other_text_is_refused() {
    assert!(process_ticks("7 no name").is_err());
    assert!(process_ticks("7 (a) S 1 7 7 0 -1 4194560 1 2 3 4 many 50").is_err());
    assert!(machine_ticks("intr 1 2 3").is_err());
}

#[test]
fn the_machine_is_at_least_as_busy_as_one_process() {
    let now = Cpu::now(&[std::process::id()]).unwrap();
    assert!(now.processes <= now.machine);
}
