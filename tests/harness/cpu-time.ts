/**
 * How much work something is, also on a machine that is busy with other things.
 * @returns the CPU time that this process spent on it, in milliseconds
 */
export function cpuMsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
