import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the garbage of this process small: V8 would let the space for short-lived values grow to 48 MB, where
 * a page that sends each second what is new fills it with what nobody needs any more. Costs a few ms of
 * collecting a second. To be called before much is done.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
