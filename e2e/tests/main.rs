//! End-to-end tests: each makes namespaces of its own, runs daemons in them and sends real
//! packets.

mod bridge;
mod calls;
mod checksum;
mod control;
mod degraded;
mod demo;
mod dialling;
mod differential;
mod exec;
mod fast_path;
mod hostile;
mod inner;
mod interop;
mod iproute2;
mod l2tpip;
mod lab;
mod launch;
mod leaving;
mod lifecycle;
mod many;
mod marks;
mod matrix;
mod moved;
mod mtu;
mod networkd;
mod outer;
mod path;
mod ppp;
mod pppd;
mod pyroute2;
mod refusals;
mod relay;
mod reload;
mod robust;
mod scripted;
mod sequence;
mod soak;
mod spread;
mod tunnels;

mod conform;

use std::process::ExitCode;

fn main() -> ExitCode {
    adit_e2e::run(
        [
            conform::tests(),
            lab::tests(),
            matrix::tests(),
            mtu::tests(),
            moved::tests(),
            path::tests(),
            inner::tests(),
            differential::tests(),
            soak::tests(),
            spread::tests(),
            checksum::tests(),
            control::tests(),
            outer::tests(),
            dialling::tests(),
            marks::tests(),
            interop::tests(),
            degraded::tests(),
            ppp::tests(),
            pppd::tests(),
            sequence::tests(),
            relay::tests(),
            hostile::tests(),
            bridge::tests(),
            calls::tests(),
            tunnels::tests(),
            lifecycle::tests(),
            leaving::tests(),
            reload::tests(),
            scripted::tests(),
            many::tests(),
            pyroute2::tests(),
            iproute2::tests(),
            networkd::tests(),
            l2tpip::tests(),
            refusals::tests(),
            demo::tests(),
            exec::tests(),
            launch::tests(),
            robust::tests(),
            fast_path::tests(),
        ]
        .into_iter()
        .flatten()
        .collect(),
    )
}
