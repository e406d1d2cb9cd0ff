import { getPriority, setPriority } from 'node:os';

/** Lets the calling thread give way to others. Only Linux has a priority for each thread; elsewhere nothing is done. */
export function giveWay(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(Math.max(niceness, getPriority()));
  } catch {
    // it then has the priority of the others
  }
}
