/** Asking twins what will happen and what to do, in processes beside the page's server. */
export type { Asker, Course, Present, Question } from './asker.js';
export { createAsker } from './asker.js';
export { AskingProcess } from './asking-client.js';
