import type { Plan } from '../../../shared/twin/index.js';
import type { Course, Present, Question } from './asker.js';

/** What is sent to the process that asks. */
export type ToAsking =
  | {
      type: 'course';
      id: number;
      present: Present;
      question: Question;
      ahead: { horizonS: number; points: number; courses: number };
    }
  | { type: 'plan'; id: number; present: Present }
  | { type: 'cancel'; id: number };

/** What it answers. */
export type FromAsking =
  | { id: number; answer: Course | Plan }
  | { id: number; error: { code: string; message: string } };
