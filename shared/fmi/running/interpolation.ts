/** How an input runs between samples: straight, or kept until the next. */
export type Interpolation = 'linear' | 'hold';

/** Whether a column is kept between its values. */
export const isHeld = (of: Interpolation | readonly Interpolation[], column: number): boolean =>
  (typeof of === 'string' ? of : of[column]) === 'hold';
