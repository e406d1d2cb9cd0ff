import type { OutputType } from '../../protocol/page.js';

export type MaskedStream = Exclude<OutputType, 'system'>;

/** Masks values in the output before it is written anywhere. */
export interface OutputMask {
  /** How many values have been masked so far. */
  readonly count: number;
  /** Called with what {@link push} held back, when nothing has followed for a while. */
  onHeld: ((type: MaskedStream, bytes: Buffer) => void) | undefined;
  /** @returns the output so far with masked values, without an end that may be the beginning of a value */
  push(type: MaskedStream, bytes: Buffer): Buffer;
  /** @returns what was held back */
  end(type: MaskedStream): Buffer;
}
