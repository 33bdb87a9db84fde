mod data;
mod golden;
mod headers;
