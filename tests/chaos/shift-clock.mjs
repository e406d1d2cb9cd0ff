// Preloaded into a node's processes (`--import`): their wall clock is off by as many ms as the file
// HIVESYNC_CHAOS_CLOCK says, looked up as they run, so that it can jump. Timers and performance.now() stay true, as on
// a real machine.
import { readFileSync } from 'node:fs';
import { setInterval } from 'node:timers';

const RealDate = Date;
const file = process.env.HIVESYNC_CHAOS_CLOCK;
let offset = 0;

function look() {
  try {
    offset = Number(readFileSync(file, 'utf8'));
  } catch {
    offset = 0;
  }
}

if (file) {
  look();
  setInterval(look, 100).unref();
  globalThis.Date = class Date extends RealDate {
    constructor(...parts) {
      if (parts.length === 0) super(RealDate.now() + offset);
      else super(...parts);
    }
    static now() {
      return RealDate.now() + offset;
    }
  };
}
