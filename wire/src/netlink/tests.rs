mod attributes;
mod controller;
mod frames;
mod golden;
mod policy;
