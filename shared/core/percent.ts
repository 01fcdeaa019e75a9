/** A share as whole percent: 0.254 is `25 %`. */
export const percentText = (share: number): string => `${Math.round(100 * share)} %`;
