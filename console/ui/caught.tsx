/** Shows something else if what is in it cannot be drawn, so that one part of a page does not take the others with it. */
import { Component, type ComponentChildren } from 'preact';

export interface CaughtProps {
  children: ComponentChildren;
  otherwise: () => ComponentChildren;
}

export class Caught extends Component<CaughtProps, { isBroken: boolean }> {
  override state = { isBroken: false };

  // a promise, of a page that is being loaded, does not come here: preact-iso takes it
  override componentDidCatch(): void {
    this.setState({ isBroken: true });
  }

  override render({ children, otherwise }: CaughtProps) {
    return this.state.isBroken ? otherwise() : children;
  }
}
