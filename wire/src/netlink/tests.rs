mod attributes;
mod frames;
mod golden;
mod policy;
