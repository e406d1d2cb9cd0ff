/**
 * A ribbon filter (Dillinger, Walzer: Ribbon filter: practically smaller than Bloom and Xor, 2021): a system of linear
 * equations over bits that holds for each of its keys, and for another key in one of 2^columns cases. It takes
 * some 1.05 bits for each key and column, where a Bloom filter takes 1.44.
 *
 * Each key has an equation in 64 consecutive slots, from one that its hash says: the sum (XOR) of those of the slots
 * that its coefficients choose is its print. PostgreSQL can test that for a column with `substring`, `&` and
 * `bit_count`, and most pages fail at the first or second column.
 */

/** Slots that an equation spans. */
const WIDTH = 64;
/** Bits of a print. */
export const MAX_COLUMNS = 8;
/** Different hashes, tried one after the other until the equations can be solved. */
export const SEEDS = 4;
/** Slots more than keys, at first. */
const SPARE = 1.03;
const GROWTH = 1.02;
const MAX_GROWTHS = 40;

const { imul, clz32, floor } = Math; // looked up once: in hot loops it counts

const SEED_MIXES = [0x243f6a88, 0x85a308d3 | 0, 0x13198a2e, 0x03707344];

/** A key's equation for one seed. `start` is a fraction of the possible first slots, in units of 2^-32. */
export interface Equation {
  start: number;
  /** The coefficients, as two words of 32 bits; bit 0 of `low` is that of the first slot, and always 1. */
  low: number;
  high: number;
  print: number;
}

/** @param key a hash of 32 bits */
export function equationOf(key: number, seed: number): Equation {
  const equation = { start: 0, low: 0, high: 0, print: 0 };
  setEquation(equation, key, seed);
  return equation;
}

function setEquation(equation: Equation, key: number, seed: number): void {
  const start = mix(key ^ (SEED_MIXES[seed] ?? 0));
  const low = mix(start + 0x9e3779b9);
  const high = mix(low + 0x7f4a7c15);
  equation.start = start >>> 0;
  equation.low = low | 1;
  equation.high = high;
  equation.print = mix(high + 0x94d049bb) & 0xff;
}

function firstSlot(start: number, slots: number): number {
  return floor((start * (slots - WIDTH + 1)) / 2 ** 32);
}

/** Mixes the bits of an integer (the end of MurmurHash3). */
function mix(value: number): number {
  let mixed = value | 0;
  mixed = imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

export interface Ribbon {
  slots: number;
  columns: number;
  seed: number;
  /** The columns one after the other, `slots` bits each; a byte's first bit is its highest. */
  bits: Uint8Array;
}

/**
 * @param keys different hashes of 32 bits
 * @param maxBits the filter has as many columns as fit
 * @returns undefined if not even one column fits
 */
export function buildRibbon(keys: readonly number[], maxBits: number): Ribbon | undefined {
  let slots = Math.max(WIDTH, Math.ceil(keys.length * SPARE));
  for (let growth = 0; growth < MAX_GROWTHS && slots <= maxBits; growth++) {
    for (let seed = 0; seed < SEEDS; seed++) {
      const system = new LinearSystem(slots);
      if (!system.addAll(keys, seed)) continue;
      const columns = Math.min(MAX_COLUMNS, Math.floor(maxBits / slots));
      return { slots, columns, seed, bits: system.solve(columns) };
    }
    slots = Math.ceil(slots * GROWTH);
  }
  return undefined;
}

/** @returns how many columns a filter of that many keys would have, nearly */
export function columnsFor(keys: number, maxBits: number): number {
  return Math.min(MAX_COLUMNS, Math.floor(maxBits / Math.max(WIDTH, Math.ceil(keys * SPARE))));
}

/** @returns whether the filter has the key; for a key that is not in it, true in one of 2^columns cases */
export function hasKey({ slots, columns, seed, bits }: Ribbon, key: number): boolean {
  const equation = equationOf(key, seed);
  const first = firstSlot(equation.start, slots);
  for (let column = 0; column < columns; column++) {
    let sum = (equation.print >>> column) & 1;
    for (let offset = 0; offset < WIDTH; offset++) {
      const coefficient = offset < 32 ? equation.low >>> offset : equation.high >>> (offset - 32);
      const bit = column * slots + first + offset;
      sum ^= coefficient & ((bits[bit >> 3] ?? 0) >>> (7 - (bit & 7))) & 1;
    }
    if (sum !== 0) return false;
  }
  return true;
}

/** Equations in the form of a staircase: the row of a slot has that slot as its first. */
class LinearSystem {
  readonly #low: Int32Array;
  readonly #high: Int32Array;
  readonly #prints: Uint8Array;

  constructor(readonly slots: number) {
    this.#low = new Int32Array(slots);
    this.#high = new Int32Array(slots);
    this.#prints = new Uint8Array(slots);
  }

  /** @returns false if they contradict each other */
  addAll(keys: readonly number[], seed: number): boolean {
    const equation = equationOf(0, seed);
    for (const key of keys) {
      setEquation(equation, key, seed);
      if (!this.#add(equation)) return false;
    }
    return true;
  }

  #add(equation: Equation): boolean {
    let slot = firstSlot(equation.start, this.slots);
    let { low, high, print } = equation;
    for (;;) {
      const rowLow = this.#low[slot] ?? 0;
      if (rowLow === 0) {
        this.#low[slot] = low;
        this.#high[slot] = high;
        this.#prints[slot] = print;
        return true;
      }
      low ^= rowLow;
      high ^= this.#high[slot] ?? 0;
      print ^= this.#prints[slot] ?? 0;
      if (low === 0) {
        if (high === 0) return print === 0;
        [low, high] = [high, 0];
        slot += 32;
      }
      const zeros = 31 - clz32(low & -low);
      if (zeros === 0) continue;
      slot += zeros;
      low = (low >>> zeros) | (high << (32 - zeros));
      high >>>= zeros;
    }
  }

  solve(columns: number): Uint8Array {
    const { slots } = this;
    const [lows, highs, prints] = [this.#low, this.#high, this.#prints];
    const bits = new Uint8Array(Math.ceil((columns * slots) / 8));
    for (let column = 0; column < columns; column++) {
      // the solution of the 64 slots from the present one on; bit 0 of `low` is the present one
      let low = 0;
      let high = 0;
      for (let slot = slots - 1; slot >= 0; slot--) {
        high = (high << 1) | (low >>> 31);
        low <<= 1;
        const sum = parity(((lows[slot] ?? 0) & low) ^ ((highs[slot] ?? 0) & high));
        if ((sum ^ (((prints[slot] ?? 0) >>> column) & 1)) === 0) continue;
        low |= 1;
        const bit = column * slots + slot;
        bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (0x80 >>> (bit & 7));
      }
    }
    return bits;
  }
}

function parity(word: number): number {
  let sum = word ^ (word >>> 16);
  sum ^= sum >>> 8;
  sum ^= sum >>> 4;
  return (0x6996 >>> (sum & 0xf)) & 1;
}
