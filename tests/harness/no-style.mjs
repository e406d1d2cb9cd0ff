/** What tests get for a style sheet that a part of the console imports. */
export {};
