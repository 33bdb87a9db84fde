mod avp;
mod captured;
mod control;
mod data;
mod golden;
mod headers;
