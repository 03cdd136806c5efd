//! Whose coins: keys, signing, coin selection; and the program cairn-wallet.
