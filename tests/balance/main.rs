//! Many servers behind Weir: who is chosen, who is left out, what is tried again.

mod admin;
mod chaos;
mod choice;
mod health;
mod retries;
mod stuck;
mod waiting;
