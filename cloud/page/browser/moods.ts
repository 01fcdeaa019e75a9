/** How things stand, as a shape: told apart without colour. */
export const MOOD_SYMBOLS = { good: '✓', wait: '…', warn: '△', bad: '▲' } as const;
export type Mood = keyof typeof MOOD_SYMBOLS;
