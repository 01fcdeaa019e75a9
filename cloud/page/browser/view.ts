/** A part of the page. */
export interface View {
  element: HTMLElement;
  /** Shows what the store knows now. */
  update(): void;
}
