/** A question or a form that has to be answered before the page goes on. Escape closes it, and the focus goes back. */
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import './dialog.css';

export interface DialogProps {
  title: string;
  /** It was closed, by whichever way. The caller takes it off the page then. */
  close: () => void;
  /** What was asked for is under way: it stays open, so that its outcome is seen. */
  isBusy?: boolean;
  /** It is there to be read: the focus is at its beginning, and not at its first control, which may be at its end. */
  isRead?: boolean;
  children: ComponentChildren;
}

export function Dialog({ title, close, isBusy = false, isRead = false, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    if (isRead) {
      dialog.current?.focus();
      dialog.current?.scrollTo({ top: 0 }); // the browser has gone to its first control
    }
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      tabIndex={-1}
      aria-labelledby={titleId}
      onCancel={(event) => isBusy && event.preventDefault()}
      // browsers let a second Escape through
      onClose={() => (isBusy ? dialog.current?.showModal() : close())}
      onKeyDown={(event) => event.stopPropagation()} // the page's keys wait
    >
      <h2 id={titleId}>{title}</h2>
      {children}
    </dialog>
  );
}

/** The buttons at the end of a dialog: the one that does it last. */
export function DialogButtons({ children }: { children: ComponentChildren }) {
  return <div class="dialog-buttons">{children}</div>;
}
