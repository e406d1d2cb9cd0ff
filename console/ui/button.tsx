/** The console's button. */
import type { ComponentChildren } from 'preact';
import './button.css';

export interface ButtonProps {
  children: ComponentChildren;
  onClick?: (event: MouseEvent) => void;
  tone?: 'plain' | 'primary' | 'danger' | 'bare';
  type?: 'button' | 'submit';
  disabled?: boolean;
  /** It is under way: it says so, and does nothing more. */
  isBusy?: boolean;
  title?: string;
  label?: string;
  /** It shows and hides something: whether that is shown, and its id. */
  expanded?: boolean;
  controls?: string;
}

export function Button(props: ButtonProps) {
  const {
    children,
    onClick,
    tone = 'plain',
    type = 'button',
    disabled,
    isBusy,
    title,
    label,
    expanded,
    controls,
  } = props;
  return (
    <button
      type={type}
      class={`button button-${tone}`}
      disabled={disabled}
      aria-disabled={isBusy}
      aria-busy={isBusy}
      aria-label={label}
      aria-expanded={expanded}
      aria-controls={expanded === true ? controls : undefined}
      title={title}
      onClick={(event) => {
        if (isBusy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {children}
    </button>
  );
}
