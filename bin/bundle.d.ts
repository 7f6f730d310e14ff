/** The folder of the bundled programs. @returns undefined if there is none of exactly these sources and packages */
export declare function bundledPrograms(): string | undefined
/** The folder for the bundle of the current sources; undefined if npm has not listed the packages. */
export declare function currentBundle(): string | undefined
