/** What the part that reads heads is told, and what it answers: one vocabulary for the addon and its twin. */
export {};
