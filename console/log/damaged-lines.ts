/** Stored lines that the hive cannot read. */
export class DamagedLinesError extends Error {
  override readonly name = 'DamagedLinesError';
  constructor(
    readonly first: number,
    readonly last: number,
    message: string,
  ) {
    super(message);
  }
}
