/** A variable of the environment has a wrong value; the message is one line that can be shown as it is. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';

  /**
   * @param variable the variable's name
   * @param value what it says; undefined where it is a secret
   * @param allowed what it may say
   */
  constructor(
    readonly variable: string,
    value: string | undefined,
    allowed: string,
  ) {
    const wrong = value === undefined ? 'has a value that is not allowed' : `is ${JSON.stringify(value.slice(0, 80))}`;
    super(`${variable} ${wrong}; allowed: ${allowed}`);
    this.name = 'ConfigError';
  }
}
