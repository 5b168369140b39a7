/** What every part of a connection's way agrees on: where it is listened for, what is passed on, and where it ends. */
export {};
