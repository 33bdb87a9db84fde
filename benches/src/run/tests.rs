use super::order;
use crate::options::Subject;
use crate::peer::Peer;
use std::collections::BTreeSet;

#[test]
fn every_round_has_all_subjects_and_another_first() {
    let subjects = Peer::ALL.map(|peer| Subject { peer, sessions: 1 });
    let mut first = BTreeSet::new();
    for run in 1..=5 {
        let order = order(&subjects, run);
        assert!(subjects.iter().all(|subject| order.contains(subject)));
        assert_eq!(order.len(), subjects.len());
        first.insert(order[0].peer);
    }
    assert!(first.len() >= 3, "{first:?}");
}

#[test]
fn no_subjects_have_no_order() {
    assert!(order(&[], 3).is_empty());
}
