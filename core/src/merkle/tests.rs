//! Merkle trees: the vectors of Certificate Transparency, and proofs of every size.

use super::*;

const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// Roots of the first n leaves, as in the tests of Certificate Transparency (RFC 6962).
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_are_those_of_rfc_6962() {
    let leaves: Vec<Vec<u8>> = LEAVES.iter().map(|leaf| hex::decode(leaf).unwrap()).collect();
    for (count, expected) in ROOTS.iter().enumerate() {
        let root = root_of_data(leaves[..count].iter().map(Vec::as_slice));
        assert_eq!(hex::encode(root), *expected, "{count} leaves");
    }
}

fn leaves(count: u32) -> Vec<LeafHash> {
    let leaf = |number: u32| {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        LeafHash::from_bytes(bytes)
    };
    (0..count).map(leaf).collect()
}

#[test]
fn a_proof_verifies_for_its_leaf_at_its_place_and_for_no_other() {
    for count in 1..40 {
        let leaves = leaves(count);
        let root = merkle_root(&leaves);
        for index in 0..count as usize {
            let proof = prove(&leaves, index).unwrap();
            for (other, leaf) in leaves.iter().enumerate() {
                assert_eq!(proof.verify(*leaf, root), other == index, "{other} for {index} of {count}");
            }
            let elsewhere = InclusionProof { index: (proof.index + 1) % count.max(2), ..proof.clone() };
            assert!(!elsewhere.verify(leaves[index], root), "{index} of {count} elsewhere");
        }
        assert_eq!(prove(&leaves, count as usize), None);
    }
}

#[test]
fn a_proof_that_was_tampered_with_does_not_verify() {
    let leaves = leaves(13);
    let root = merkle_root(&leaves);
    let proof = prove(&leaves, 5).unwrap();
    for place in 0..proof.path.len() {
        let mut tampered = proof.clone();
        tampered.path[place][0] ^= 1;
        assert!(!tampered.verify(leaves[5], root));
        let mut shorter = proof.clone();
        shorter.path.remove(place);
        assert!(!shorter.verify(leaves[5], root));
    }
    let longer = InclusionProof { path: [proof.path.clone(), vec![[0; 32]]].concat(), ..proof.clone() };
    assert!(!longer.verify(leaves[5], root));
    assert!(!InclusionProof { leaf_count: 0, ..proof }.verify(leaves[5], root));
}
