mod avp;
mod control;
mod data;
mod golden;
mod headers;
