/** An environment variable has a wrong value. The message is one line that can be shown as it is. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';

  /**
   * @param variable the variable's name
   * @param value the wrong value; undefined if it is a secret
   * @param allowed which values are allowed
   */
  constructor(
    readonly variable: string,
    value: string | undefined,
    allowed: string,
  ) {
    const wrong = value === undefined ? 'has an invalid value' : `is ${JSON.stringify(value.slice(0, 80))}`;
    super(`${variable} ${wrong}; allowed: ${allowed}`);
    this.name = 'ConfigError';
  }
}
